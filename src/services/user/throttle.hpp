#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/clock.hpp"
#include "platform/base/result.hpp"
#include "platform/cache/cache.hpp"

namespace guildhall::user {

/// How often something may fail: after `most` failures within `window` nothing is tried for `cool_down`.
struct FailureLimit {
    std::int64_t most;
    std::chrono::seconds window;
    std::chrono::seconds cool_down;
};

/// The limits of one kind of attempt: for what is tried, and for the network address that tries it.
struct AttemptLimits {
    FailureLimit account;
    FailureLimit address;
};

/// What counts as one client of the network: an IPv4 address, or a /64 of IPv6, because one subscriber has all of that.
std::string network_of(std::string_view ip);

/// Slows guessing down. Counts failures by what was tried, for what account and from where, in the shared cache, so
/// that it holds over all replicas. It knows nothing of which accounts exist. While the cache is unavailable,
/// everything is let through. Thread-safe.
class Throttle {
public:
    Throttle(cache::Cache& cache, const Clock& clock) : cache_(cache), clock_(clock) {}

    /// One counter of an attempt.
    struct Subject {
        std::string key;  // hashed: an address is personal data and may be long
        FailureLimit limit;
        std::int64_t count = 0;
    };

    /// An attempt that was let through and is counted; its end is said by one of clear, keep and undo.
    struct Attempt {
        std::vector<Subject> subjects;  // [0] is the account, [1] the address when it is known
    };

    /// The counter of an account, or of anything else that one party owns.
    static Subject account(std::string_view what, std::string_view account, FailureLimit limit);
    /// The counter of a network address, by network_of().
    static Subject address(std::string_view what, std::string_view ip, FailureLimit limit);

    /// Both; the second only when `ip` is known (not empty).
    static std::vector<Subject> subjects(std::string_view what, std::string_view account, std::string_view ip,
                                         const AttemptLimits& limits);

    /// Counts an attempt before it is made, so that no number of concurrent ones gets past the limit.
    /// Errors: too_many_requests with retry_after.
    Task<Result<Attempt>> begin(std::vector<Subject> subjects);

    /// It succeeded: the account's count is forgotten, the address's is as before.
    Task<void> clear(Attempt attempt);
    /// It failed: it stays counted, and the cool-down starts when it was the last one allowed.
    Task<void> keep(Attempt attempt);
    /// It was not made.
    Task<void> undo(Attempt attempt);

private:
    cache::Cache& cache_;
    const Clock& clock_;
};

}  // namespace guildhall::user
