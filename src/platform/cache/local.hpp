#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace guildhall::cache {

/// Decoded values in this process, in front of the database: bounded, by second chance (a hit only sets a mark). A reader that misses takes a Ticket before it
/// reads the truth and gives it back with the value; an invalidate() between the two makes the put a no-op, so a stale
/// value never stays. Thread-safe; 16 shards, each under a mutex held for one hash look-up.
template <class Key, class T>
class Local {
public:
    using Pointer = std::shared_ptr<const T>;
    using Ticket = std::uint64_t;

    explicit Local(std::size_t max_entries) : max_in_shard_(max_entries / kShards + 1) {}

    /// The value, or null.
    Pointer find(const Key& key) {
        Shard& shard = shard_of(key);
        std::lock_guard lock(shard.mutex);
        auto found = shard.index.find(key);
        if (found == shard.index.end()) return nullptr;
        found->second->is_used = true;
        return found->second->value;
    }

    Ticket ticket(const Key& key) { return shard_of(key).generation.load(std::memory_order_acquire); }

    /// Stores `value` unless its key was invalidated since `ticket` was taken.
    void put(const Key& key, Pointer value, Ticket ticket) {
        Shard& shard = shard_of(key);
        std::lock_guard lock(shard.mutex);
        if (shard.generation.load(std::memory_order_relaxed) != ticket) return;
        auto [found, is_new] = shard.index.try_emplace(key);
        if (!is_new) {
            found->second->value = std::move(value);
            return;
        }
        shard.order.push_front({key, std::move(value), false});
        found->second = shard.order.begin();
        if (shard.order.size() > max_in_shard_) evict(shard);
    }

    /// Call after the commit that changed the value.
    void invalidate(const Key& key) {
        Shard& shard = shard_of(key);
        std::lock_guard lock(shard.mutex);
        shard.generation.fetch_add(1, std::memory_order_acq_rel);
        auto found = shard.index.find(key);
        if (found == shard.index.end()) return;
        shard.order.erase(found->second);
        shard.index.erase(found);
    }

    /// Forgets everything.
    void clear() {
        for (Shard& shard : shards_) {
            std::lock_guard lock(shard.mutex);
            shard.generation.fetch_add(1, std::memory_order_acq_rel);
            shard.index.clear();
            shard.order.clear();
        }
    }

private:
    static constexpr std::size_t kShards = 16;
    struct Entry {
        Key key;
        Pointer value;
        bool is_used;
    };
    using Order = std::list<Entry>;
    struct alignas(64) Shard {
        std::mutex mutex;
        std::atomic<Ticket> generation{0};
        Order order;
        std::unordered_map<Key, typename Order::iterator> index;
    };
    /// Takes out the oldest entry that was not used since it was last looked at here. Ends: what is passed over loses its mark.
    static void evict(Shard& shard) {
        while (shard.order.back().is_used) {
            shard.order.back().is_used = false;
            shard.order.splice(shard.order.begin(), shard.order, std::prev(shard.order.end()));
        }
        shard.index.erase(shard.order.back().key);
        shard.order.pop_back();
    }
    Shard& shard_of(const Key& key) { return shards_[std::hash<Key>{}(key) % kShards]; }

    const std::size_t max_in_shard_;
    std::array<Shard, kShards> shards_;
};

}  // namespace guildhall::cache
