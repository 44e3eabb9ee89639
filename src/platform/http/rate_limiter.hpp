#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "platform/base/clock.hpp"
#include "platform/http/route.hpp"

namespace guildhall::http {

/// `requests` in `window`, as a token bucket that refills evenly.
struct RateLimit {
    std::int64_t requests;
    std::chrono::seconds window;
};

/// What a call has left, for the RateLimit headers (IETF draft-ietf-httpapi-ratelimit-headers-10).
struct RateDecision {
    bool allowed;
    std::int64_t remaining;
    std::chrono::seconds reset;  // until the bucket is full; when refused: until the next call is allowed
};

/// Counts calls by class and key (member, or address when not signed in). Bounded: the buckets that are full again are forgotten.
/// Source: GCRA (ITU-T I.371). Thread-safe.
class RateLimiter {
public:
    using Limits = std::array<RateLimit, 3>;  // by RateClass
    RateLimiter(Limits limits, const Clock& clock);
    ~RateLimiter();

    /// Counts one call, if it is allowed.
    RateDecision take(RateClass rate_class, std::string_view key);
    /// The limit of a class.
    const RateLimit& limit(RateClass rate_class) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
