#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "platform/cache/cache.hpp"

namespace guildhall::cache {

/// Which members are online: have a live socket at some process. Every process renews those at it; who is not renewed is offline when the time to
/// live is over. So devices and processes need no counting, and a killed process leaves nothing behind; but who leaves is seen for that long.
/// A cache may lose any entry: whoever it loses is offline until the next renewal, and while it is away everybody is; nothing throws. Thread-safe.
class Presence {
public:
    /// Members in one round trip.
    static constexpr std::size_t kMaxAtOnce = 500;
    /// For renewals every 10 s: one may be lost.
    static constexpr std::chrono::seconds kTtl{30};

    /// A member's key is `prefix` (at most 180 bytes) and the id; `ttl` is at least 1 ms. Processes with the same cache and prefix see each other's
    /// members. `cache` outlives it.
    Presence(Cache& cache, std::string prefix, std::chrono::milliseconds ttl = kTtl)
        : cache_(cache), prefix_(std::move(prefix)), ttl_(ttl) {}

    /// Says that each of `members` has a live socket at this process, for the time to live from now. Any number; one round trip for each 500, one
    /// after the other.
    Task<void> renew(std::vector<UserId> members);
    /// Whether each of `members` (at most 500) is online, in their order; one round trip.
    Task<std::vector<bool>> online(std::vector<UserId> members);

private:
    std::string key_of(UserId member) const { return prefix_ + std::to_string(member.value); }

    Cache& cache_;
    const std::string prefix_;
    const std::chrono::milliseconds ttl_;
};

}  // namespace guildhall::cache
