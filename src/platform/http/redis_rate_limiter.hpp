#pragma once

#include <memory>
#include <string>

#include "platform/http/rate_limiter.hpp"
#include "platform/redis/client.hpp"

namespace guildhall::http {

/// Counts for all processes together: in Redis, under keys that begin with `prefix`, by the clock of its server. While
/// Redis is unavailable, each process counts on its own (metric guildhall_rate_limit_degraded_total). `client` outlives
/// the limiter.
std::unique_ptr<RateLimiter> make_redis_rate_limiter(redis::Client& client, std::string prefix,
                                                     RateLimiter::Limits limits, const Clock& clock);

}  // namespace guildhall::http
