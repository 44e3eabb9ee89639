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

/// What a cached value derives from when somebody keeps it longer than one look-up: it then knows that the cache has
/// dropped it. Thread-safe.
class Retirable {
public:
    /// False once the value was invalidated, replaced or evicted: who keeps it asks the cache again.
    bool is_current() const { return !is_retired_.load(std::memory_order_acquire); }
    /// Called by the cache when the value leaves it, or was refused.
    void retire() const { is_retired_.store(true, std::memory_order_release); }

private:
    mutable std::atomic<bool> is_retired_{false};
};

/// Of a cache that nobody but its own process can make stale.
inline constinit const std::atomic<bool> kAlwaysLive{true};

/// Decoded values in this process, in front of the database: bounded, by second chance (a hit only sets a mark). A reader that misses takes a Ticket before it
/// reads the truth and gives it back with the value; an invalidate() between the two makes the put a no-op, so a stale
/// value never stays. Thread-safe; 16 shards, each under a mutex held for one hash look-up.
template <class Key, class T>
class Local {
public:
    using Pointer = std::shared_ptr<const T>;
    using Ticket = std::uint64_t;
    using Weigh = std::size_t (*)(const T&);
    using KeyType = Key;

    /// Keeps values of up to `max_weight` in all; each weighs 1, or what `weigh` says, which must never change. While `is_live` is false
    /// (Coherence::live()) nothing is found and nothing is put; who makes it false calls clear() then.
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
        // Under the lock: when it still says live, the clear() that follows is yet to come to this shard.
        const bool is_live = is_live_.load(std::memory_order_relaxed);
        if (!is_live || shard.generation.load(std::memory_order_relaxed) != ticket) {
            retire(value);
            return;
        }
        const auto [place, is_new] = shard.slots.try_emplace(key);
        Slot& slot = place->second;
        if (is_new) {
            slot.turn = shard.next_turn++;
            shard.order.push_back({key, slot.turn});
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

    /// Forgets everything. Readers do not wait for the values to be freed.
    void clear() {
        for (Shard& shard : shards_) {
            Slots slots;
            std::deque<Turn> order;
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
        std::uint32_t turn = 0;
        bool is_used = false;
    };
    // A place in the order of eviction; of no meaning when the slot has another turn, or there is none.
    struct Turn {
        Key key;
        std::uint32_t turn;
    };
    using Slots = boost::unordered_flat_map<Key, Slot, std::hash<Key>>;
    // The look-up is all that a warm read does: the flat map needs two cache lines where a node-based one needs four.
    struct alignas(64) Shard {
        std::mutex mutex;
        std::atomic<Ticket> generation{0};
        Slots slots;
        std::deque<Turn> order;  // oldest first
        std::size_t weight = 0;
        std::uint32_t next_turn = 0;
    };

    static void retire(const Pointer& value) {
        if constexpr (std::is_base_of_v<Retirable, T>) value->retire();
    }
    void forget(Shard& shard, const Slot& slot) {
        shard.weight -= weigh_(*slot.value);
        retire(slot.value);
    }
    /// Looks at the oldest place; takes its value out unless it was used since. Ends: what is passed over loses its mark.
    void evict(Shard& shard) {
        Turn oldest = std::move(shard.order.front());
        shard.order.pop_front();
        const auto found = shard.slots.find(oldest.key);
        if (found == shard.slots.end() || found->second.turn != oldest.turn) return;
        if (std::exchange(found->second.is_used, false)) {
            shard.order.push_back(std::move(oldest));
            return;
        }
        forget(shard, found->second);
        shard.slots.erase(found);
    }
    /// Drops the places that invalidations have left behind.
    static void compact(Shard& shard) {
        std::erase_if(shard.order, [&](const Turn& turn) {
            const auto found = shard.slots.find(turn.key);
            return found == shard.slots.end() || found->second.turn != turn.turn;
        });
    }
    // The low bits of an id are a sequence number, most often 0: the high bits of the product depend on all of them.
    Shard& shard_of(const Key& key) { return shards_[(std::hash<Key>{}(key) * 0x9E3779B97F4A7C15ULL) >> 60]; }

    const std::size_t max_in_shard_;
    const Weigh weigh_;
    const std::atomic<bool>& is_live_;
    std::array<Shard, kShards> shards_;
};

}  // namespace guildhall::cache
