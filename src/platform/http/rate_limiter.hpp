#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "platform/async/task.hpp"
#include "platform/base/clock.hpp"
#include "platform/http/route.hpp"

namespace guildhall::http {

/// `requests` in `window`, as a token bucket that refills evenly.
struct RateLimit {
    std::int64_t requests;
    std::chrono::seconds window;
};

/// How many calls are left, for the RateLimit headers (IETF draft-ietf-httpapi-ratelimit-headers-10).
struct RateDecision {
    bool allowed;
    std::int64_t remaining;
    std::chrono::seconds reset;  // until the bucket is full; when refused: until the next call is allowed
};

/// GCRA: how much of the window one call uses.
std::chrono::microseconds step_of(const RateLimit& limit);
/// GCRA: whether a call is allowed that brings what is used of the window to `used`, and what is left then.
RateDecision decide(const RateLimit& limit, std::chrono::microseconds used);

/// Counts calls by class and key (the member, or the address when nobody is signed in).
/// Source: GCRA (ITU-T I.371). Thread-safe.
class RateLimiter {
public:
    using Limits = std::array<RateLimit, 3>;  // by RateClass

    virtual ~RateLimiter() = default;
    /// Counts one call if it is allowed. `key` lives until the task has ended.
    virtual Task<RateDecision> take(RateClass rate_class, std::string_view key) = 0;
    /// The limit of a class.
    virtual const RateLimit& limit(RateClass rate_class) const = 0;
};

/// Counts in this process. Its memory is bounded: buckets that are full again are removed.
class MemoryRateLimiter final : public RateLimiter {
public:
    MemoryRateLimiter(Limits limits, const Clock& clock);
    ~MemoryRateLimiter() override;

    Task<RateDecision> take(RateClass rate_class, std::string_view key) override;
    const RateLimit& limit(RateClass rate_class) const override;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
