#include "platform/http/rate_limiter.hpp"

#include <algorithm>
#include <mutex>

#include <boost/unordered/unordered_flat_map.hpp>

#include "platform/base/text.hpp"

namespace guildhall::http {
namespace {

constexpr std::size_t kShards = 16;
constexpr std::size_t kSweepAt = 4096;  // buckets in a shard before the full ones are removed

std::chrono::seconds round_up(std::chrono::microseconds duration) {
    return std::chrono::ceil<std::chrono::seconds>(duration);
}

}  // namespace

std::chrono::microseconds step_of(const RateLimit& limit) {
    const std::chrono::microseconds window = limit.window;
    return std::max(window / std::max<std::int64_t>(limit.requests, 1), std::chrono::microseconds(1));
}

RateDecision decide(const RateLimit& limit, std::chrono::microseconds used) {
    const std::chrono::microseconds window = limit.window;
    if (used > window) return {false, 0, round_up(used - window)};
    return {true, (window - used) / step_of(limit), round_up(used)};
}

struct MemoryRateLimiter::State {
    struct alignas(64) Shard {
        std::mutex mutex;
        /// The theoretical arrival time of GCRA: when the bucket will be full again.
        boost::unordered_flat_map<std::uint64_t, Time> full_at;
        std::size_t sweep_at = kSweepAt;
    };
    RateDecision take(RateClass rate_class, std::string_view key);

    Limits limits;
    const Clock& clock;
    std::array<Shard, kShards> shards;
};

MemoryRateLimiter::MemoryRateLimiter(Limits limits, const Clock& clock) : state_(new State{limits, clock, {}}) {}
MemoryRateLimiter::~MemoryRateLimiter() = default;

const RateLimit& MemoryRateLimiter::limit(RateClass rate_class) const {
    return state_->limits[static_cast<std::size_t>(rate_class)];
}

RateDecision MemoryRateLimiter::State::take(RateClass rate_class, std::string_view key) {
    const RateLimit& limit = limits[static_cast<std::size_t>(rate_class)];
    const std::uint64_t hash = stable_hash(key) + static_cast<std::uint64_t>(rate_class) * 0x9E3779B97F4A7C15ULL;
    const Time now = clock.now();

    Shard& shard = shards[hash % kShards];
    const std::lock_guard lock(shard.mutex);
    if (shard.full_at.size() >= shard.sweep_at) {
        boost::unordered::erase_if(shard.full_at, [&](const auto& bucket) { return bucket.second <= now; });
        shard.sweep_at = std::max(kSweepAt, shard.full_at.size() * 2);
    }
    Time& full_at = shard.full_at[hash];
    // No bucket takes longer than its window to be full: the clock was set back.
    if (full_at > now + limit.window) full_at = now;
    const Time next = std::max(full_at, now) + step_of(limit);
    const RateDecision decision = decide(limit, next - now);
    if (decision.allowed) full_at = next;
    return decision;
}

Task<RateDecision> MemoryRateLimiter::take(RateClass rate_class, std::string_view key) {
    co_return state_->take(rate_class, key);
}

}  // namespace guildhall::http
