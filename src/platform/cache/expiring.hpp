#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "platform/cache/local.hpp"

namespace guildhall::cache {

/// A Local whose values expire `ttl` after they were put, for copies of what another process owns. An expired value is
/// retired at the next find() of any key or expire(), so call expire() from time to time. Thread-safe.
template <class Key, class T>
class Expiring {
public:
    using Pointer = typename Local<Key, T>::Pointer;
    using Ticket = typename Local<Key, T>::Ticket;
    using Weigh = typename Local<Key, T>::Weigh;
    using SteadyTime = std::chrono::steady_clock::time_point;
    using Now = std::function<SteadyTime()>;
    using KeyType = Key;

    /// As Local. Only tests pass `now`.
    Expiring(
        std::size_t max_weight, std::chrono::milliseconds ttl, Weigh weigh = [](const T&) -> std::size_t { return 1; },
        Now now = std::chrono::steady_clock::now, const std::atomic<bool>& is_live = kAlwaysLive)
        : values_(max_weight, weigh, is_live), ttl_(ttl), now_(std::move(now)) {}

    /// The value, or null.
    Pointer find(const Key& key) {
        expire();
        return values_.find(key);
    }
    /// As of Local: take it before the read, so that a value that is invalidated meanwhile is not stored.
    Ticket ticket(const Key& key) { return values_.ticket(key); }
    void put(const Key& key, Pointer value, Ticket ticket) {
        const SteadyTime end = now_() + ttl_;
        values_.put(key, std::move(value), ticket);
        const std::lock_guard lock(mutex_);
        ends_.push_back({end, key});
        if (ends_.size() > kMaxEnds) drop_first();
        if (ends_.size() == 1) next_end_.store(end, std::memory_order_release);
    }
    void invalidate(const Key& key) { values_.invalidate(key); }
    /// Removes all values.
    void clear() { values_.clear(); }

    /// Removes the values that are too old.
    void expire() {
        const SteadyTime now = now_();
        if (now < next_end_.load(std::memory_order_acquire)) return;
        const std::lock_guard lock(mutex_);
        while (!ends_.empty() && ends_.front().first <= now) drop_first();
        next_end_.store(ends_.empty() ? SteadyTime::max() : ends_.front().first, std::memory_order_release);
    }

private:
    static constexpr std::size_t kMaxEnds = 1 << 19;  // bounds the memory for values that come and go within the ttl

    /// Called with `mutex_` held. A value that was put again since then leaves early, which does no harm.
    void drop_first() {
        values_.invalidate(ends_.front().second);
        ends_.pop_front();
    }

    Local<Key, T> values_;
    const std::chrono::milliseconds ttl_;
    const Now now_;
    std::mutex mutex_;
    std::deque<std::pair<SteadyTime, Key>> ends_;  // in order, because all have the same lifetime
    std::atomic<SteadyTime> next_end_{SteadyTime::max()};
};

}  // namespace guildhall::cache
