#include "platform/http/redis_rate_limiter.hpp"

#include <optional>
#include <utility>

#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"
#include "platform/json/describe.hpp"

namespace guildhall::http {
namespace {

// GCRA as in rate_limiter.cpp, also when the clock was set back; in microseconds, which are exact in a Lua number until
// the year 2255. The key expires when the bucket is full.
constexpr const char* kTake = R"(
local window, step = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = tonumber(redis.call('GET', KEYS[1]) or 0)
if full > now + window then full = now end
local next = math.max(full, now) + step
local used = next - now
if used <= window then
    redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil(used / 1000))
end
return used
)";

class RedisRateLimiter final : public RateLimiter {
public:
    RedisRateLimiter(redis::Client& client, std::string prefix, Limits limits, const Clock& clock)
        : client_(client), prefix_(std::move(prefix)), own_(limits, clock) {}

    Task<RateDecision> take(RateClass rate_class, std::string_view key) override {
        const RateLimit& limit = own_.limit(rate_class);
        if (const auto used = co_await try_take(limit, rate_class, key)) co_return decide(limit, *used);
        degraded_.add();
        co_return co_await own_.take(rate_class, key);
    }

    const RateLimit& limit(RateClass rate_class) const override { return own_.limit(rate_class); }

private:
    // How much of the window would be used; nothing when Redis is unavailable.
    Task<std::optional<std::chrono::microseconds>> try_take(const RateLimit& limit, RateClass rate_class,
                                                            std::string_view key) {
        const std::chrono::microseconds window = limit.window;
        std::vector<std::string> arguments{std::to_string(window.count()), std::to_string(step_of(limit).count())};
        std::string name = prefix_ + std::string(json::name_of(rate_class)) + ':' + std::string(key);
        try {
            const redis::Reply reply = co_await client_.run(script_, std::move(name), std::move(arguments));
            if (reply.kind == redis::Reply::Kind::integer) co_return std::chrono::microseconds(reply.integer);
        } catch (const Unavailable&) {
            co_return std::nullopt;
        }
        co_return std::nullopt;  // Redis refused the script: that counts nothing either
    }

    redis::Client& client_;
    const std::string prefix_;
    const redis::Script script_{kTake};
    MemoryRateLimiter own_;
    metrics::Counter& degraded_ = metrics::counter("guildhall_rate_limit_degraded_total",
                                                   "Calls counted by one process alone, because Redis was unavailable");
};

}  // namespace

std::unique_ptr<RateLimiter> make_redis_rate_limiter(redis::Client& client, std::string prefix,
                                                     RateLimiter::Limits limits, const Clock& clock) {
    return std::make_unique<RedisRateLimiter>(client, std::move(prefix), limits, clock);
}

}  // namespace guildhall::http
