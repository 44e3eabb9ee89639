#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "platform/async/task.hpp"
#include "platform/base/clock.hpp"
#include "platform/cache/cache.hpp"

namespace guildhall::cache {

/// Values that are dear to compute, kept in a cache. Of all who miss a key at once, in all processes, one computes it: the key itself holds the lease,
/// so that an invalidation ends it together with the value, and what was computed before an invalidation is never kept. Thread-safe.
/// Source: "Scaling Memcache at Facebook", NSDI 2013, §3.2.1 (leases).
class Loader {
public:
    /// How long values and their computation may last.
    struct Options {
        std::chrono::milliseconds ttl;           // a value is fresh
        std::chrono::milliseconds stale_for{0};  // and then still served, while one caller computes the next
        std::chrono::milliseconds lease{5000};   // a computation that takes longer may be begun by another, too
        std::chrono::milliseconds wait{2000};    // for the value of another; then the caller computes its own
    };
    using Load = std::function<Task<std::string>()>;

    /// `cache` and `clock` outlive it.
    Loader(Cache& cache, const Clock& clock, Options options) : cache_(cache), clock_(clock), options_(options) {}

    /// The value of `key`, a fresh or stale one of the cache, or what `load` gives. Throws what `load` throws, also to those in this process who waited
    /// for it; Unavailable not while there is a stale value. While the cache is away, only the callers of this process share.
    Task<std::string> get(std::string key, Load load);
    /// Call after the commit that changed the value: who asks from then on gets nothing older.
    Task<void> invalidate(std::string_view key);

private:
    struct Entry;
    struct Flight;
    class Pilot;
    class Follower;
    using FlightPointer = std::shared_ptr<Flight>;

    Task<std::string> lead(std::string key, Load load, FlightPointer flight);
    Task<std::optional<std::string>> follow(FlightPointer flight, std::chrono::steady_clock::time_point deadline);
    Task<std::string> load_under(std::string key, std::string lease, Load load, FlightPointer flight);
    Task<std::optional<std::string>> take_cached(std::string key, std::string stored, Load load);
    std::string new_token() const;
    std::string entry_of(std::string value) const;

    Cache& cache_;
    const Clock& clock_;
    const Options options_;
    std::mutex mutex_;
    std::unordered_map<std::string, FlightPointer> flights_;
};

}  // namespace guildhall::cache
