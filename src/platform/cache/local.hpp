#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

namespace guildhall::cache {

/// The base of cached values that callers hold for longer than one look-up: it says whether the cache has dropped the
/// value. Thread-safe.
class Retirable {
public:
    /// False once the value was invalidated, replaced or evicted; the holder must then ask the cache again.
    bool is_current() const { return !is_retired_.load(std::memory_order_acquire); }
    /// Called by the cache when it drops or refuses the value.
    void retire() const { is_retired_.store(true, std::memory_order_release); }

private:
    mutable std::atomic<bool> is_retired_{false};
};

/// For a cache that only its own process can make stale.
inline constinit const std::atomic<bool> kAlwaysLive{true};

/// Decoded values in this process, in front of the database. Bounded; evicts by second chance (a hit only sets a mark).
/// After a miss, the reader takes a Ticket before it reads the database, and passes it to put() with the value. An
/// invalidate() between the two makes the put a no-op, so a stale value never stays. Thread-safe: 16 shards, each with
/// a mutex that is held for one hash look-up.
template <class Key, class T>
class Local {
public:
    using Pointer = std::shared_ptr<const T>;
    using Ticket = std::uint64_t;
    using Weigh = std::size_t (*)(const T&);
    using KeyType = Key;

    /// Holds values of at most `max_weight` in total. Each weighs 1, or what `weigh` returns, which must not change.
    /// While `is_live` (Coherence::live()) is false, find() finds and put() stores nothing; the code that sets it to
    /// false then calls clear().
    explicit Local(
        std::size_t max_weight, Weigh weigh = [](const T&) -> std::size_t { return 1; },
        const std::atomic<bool>& is_live = kAlwaysLive)
        : max_in_shard_(max_weight / kShards + 1), weigh_(weigh), is_live_(is_live) {}

    /// The value, or null.
    Pointer find(const Key& key) {
        if (!is_live_.load(std::memory_order_relaxed)) return nullptr;
        Shard& shard = shard_of(key);
        std::lock_guard lock(shard.mutex);
        const auto found = shard.slots.find(key);
        if (found == shard.slots.end()) return nullptr;
        found->second.is_used = true;
        return found->second.value;
    }

    Ticket ticket(const Key& key) { return shard_of(key).generation.load(std::memory_order_acquire); }

    /// Stores `value` unless its key was invalidated since `ticket` was taken.
    void put(const Key& key, Pointer value, Ticket ticket) {
        Shard& shard = shard_of(key);
        std::lock_guard lock(shard.mutex);
        // Under the lock: if it is still live, the clear() that follows has not reached this shard yet.
        const bool is_live = is_live_.load(std::memory_order_relaxed);
        if (!is_live || shard.generation.load(std::memory_order_relaxed) != ticket) {
            retire(value);
            return;
        }
        const auto [found, is_new] = shard.slots.try_emplace(key);
        Slot& slot = found->second;
        if (is_new) {
            slot.place_number = shard.next_place++;
            shard.order.push_back({key, slot.place_number});
        } else {
            forget(shard, slot);
        }
        shard.weight += weigh_(*value);
        slot.value = std::move(value);
        while (shard.weight > max_in_shard_) evict(shard);
        if (shard.order.size() > 2 * shard.slots.size() + kShards) compact(shard);
    }

    /// Call after the commit that changed the value.
    void invalidate(const Key& key) {
        Shard& shard = shard_of(key);
        std::lock_guard lock(shard.mutex);
        shard.generation.fetch_add(1, std::memory_order_acq_rel);
        const auto found = shard.slots.find(key);
        if (found == shard.slots.end()) return;
        forget(shard, found->second);
        shard.slots.erase(found);
    }

    /// Removes all values. Readers do not wait for the values to be freed.
    void clear() {
        for (Shard& shard : shards_) {
            Slots slots;
            std::deque<Place> order;
            {
                std::lock_guard lock(shard.mutex);
                shard.generation.fetch_add(1, std::memory_order_acq_rel);
                slots.swap(shard.slots);
                order.swap(shard.order);
                shard.weight = 0;
            }
            for (const auto& [key, slot] : slots) retire(slot.value);
        }
    }

private:
    static constexpr std::size_t kShards = 16;
    struct Slot {
        Pointer value;
        std::uint32_t place_number = 0;
        bool is_used = false;
    };
    // A place in the order of eviction. It is obsolete when the slot has another number, or there is no slot.
    struct Place {
        Key key;
        std::uint32_t number;
    };
    using Slots = boost::unordered_flat_map<Key, Slot, std::hash<Key>>;
    // A warm read is one look-up: the flat map needs two cache lines for it, a node-based one four.
    struct alignas(64) Shard {
        std::mutex mutex;
        std::atomic<Ticket> generation{0};
        Slots slots;
        std::deque<Place> order;  // oldest first
        std::size_t weight = 0;
        std::uint32_t next_place = 0;
    };

    static void retire(const Pointer& value) {
        if constexpr (std::is_base_of_v<Retirable, T>) value->retire();
    }
    void forget(Shard& shard, const Slot& slot) {
        shard.weight -= weigh_(*slot.value);
        retire(slot.value);
    }
    /// Evicts the value at the oldest place unless it was used since; it then loses its mark and goes to the end, so
    /// that the caller's loop terminates.
    void evict(Shard& shard) {
        Place oldest = std::move(shard.order.front());
        shard.order.pop_front();
        const auto found = shard.slots.find(oldest.key);
        if (found == shard.slots.end() || found->second.place_number != oldest.number) return;
        if (std::exchange(found->second.is_used, false)) {
            shard.order.push_back(std::move(oldest));
            return;
        }
        forget(shard, found->second);
        shard.slots.erase(found);
    }
    /// Removes obsolete places, which invalidations leave behind.
    static void compact(Shard& shard) {
        std::erase_if(shard.order, [&](const Place& place) {
            const auto found = shard.slots.find(place.key);
            return found == shard.slots.end() || found->second.place_number != place.number;
        });
    }
    // The low bits of an id are a sequence number, mostly 0. The high bits of the product depend on all bits.
    Shard& shard_of(const Key& key) { return shards_[(std::hash<Key>{}(key) * 0x9E3779B97F4A7C15ULL) >> 60]; }

    const std::size_t max_in_shard_;
    const Weigh weigh_;
    const std::atomic<bool>& is_live_;
    std::array<Shard, kShards> shards_;
};

}  // namespace guildhall::cache
