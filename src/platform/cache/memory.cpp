#include "platform/cache/memory.hpp"

#include <array>
#include <charconv>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "platform/base/metrics.hpp"
#include "platform/base/text.hpp"

namespace guildhall::cache {
namespace {

constexpr std::size_t kShards = 16;
constexpr std::size_t kOverheadBytes = 160;  // about a list node, an index node and a bucket

constexpr const char* kBytesMetric = "guildhall_cache_bytes";
constexpr const char* kBytesHelp = "Memory that the embedded cache uses.";

struct Stored {
    std::string key;
    std::string value;
    Time expires;
    std::chrono::milliseconds ttl;

    /// Also when the clock was set back, so that nothing is kept for longer than its ttl from now.
    bool has_expired(Time now) const { return expires <= now || expires > now + ttl; }
    std::size_t bytes() const { return key.size() + value.size() + kOverheadBytes; }
};

// One part of the keys. Its methods are called with `mutex` held.
class Shard {
public:
    std::mutex mutex;
    std::size_t bytes = 0;

    // The entry, which is now the last to be evicted; null when it is absent or has expired.
    Stored* find(std::string_view key, Time now) {
        const auto found = index_.find(key);
        if (found == index_.end()) return nullptr;
        if (found->second->has_expired(now)) {
            remove(found->second);
            return nullptr;
        }
        order_.splice(order_.begin(), order_, found->second);
        return &*found->second;
    }

    void erase(std::string_view key) {
        const auto found = index_.find(key);
        if (found != index_.end()) remove(found->second);
    }

    // Stores a new entry. Returns the number of entries evicted for it.
    std::size_t insert(Stored entry, std::size_t max_bytes) {
        if (entry.bytes() > max_bytes) return 1;
        order_.push_front(std::move(entry));
        index_.emplace(order_.front().key, order_.begin());
        bytes += order_.front().bytes();
        std::size_t dropped = 0;
        for (; bytes > max_bytes; ++dropped) remove(std::prev(order_.end()));
        return dropped;
    }

private:
    using Order = std::list<Stored>;

    void remove(Order::iterator entry) {
        bytes -= entry->bytes();
        index_.erase(entry->key);
        order_.erase(entry);
    }

    Order order_;                                                  // most recently used first
    std::unordered_map<std::string_view, Order::iterator> index_;  // keys point into order_
};

class MemoryCache final : public Cache {
public:
    MemoryCache(const Clock& clock, std::size_t max_bytes) : clock_(clock), max_bytes_(max_bytes / kShards) {
        metrics::gauge_callback(kBytesMetric, kBytesHelp, {}, [this] { return static_cast<double>(bytes()); });
    }
    ~MemoryCache() override {
        metrics::gauge_callback(kBytesMetric, kBytesHelp, {}, [] { return 0.0; });
    }

    Task<std::optional<std::string>> get(std::string_view key) override { co_return find(key); }

    Task<std::vector<std::optional<std::string>>> get_all(std::vector<std::string> keys) override {
        std::vector<std::optional<std::string>> values;
        values.reserve(keys.size());
        for (const std::string& key : keys) values.push_back(find(key));
        co_return values;
    }

    Task<void> set(std::string_view key, std::string value, std::chrono::milliseconds ttl) override {
        store({std::string(key), std::move(value), clock_.now() + ttl, ttl}, ttl);
        co_return;
    }

    Task<void> erase(std::string_view key) override {
        Shard& shard = shard_of(key);
        const std::lock_guard lock(shard.mutex);
        shard.erase(key);
        co_return;
    }

    Task<std::optional<std::int64_t>> add(std::string_view key, std::int64_t by,
                                          std::chrono::milliseconds ttl) override {
        Shard& shard = shard_of(key);
        const Time now = clock_.now();
        const std::lock_guard lock(shard.mutex);
        Stored* entry = shard.find(key, now);
        if (entry == nullptr) {
            if (ttl.count() > 0) insert(shard, {std::string(key), std::to_string(by), now + ttl, ttl});
            co_return by;
        }
        std::int64_t sum = 0;
        const char* end = entry->value.data() + entry->value.size();
        const auto [rest, failure] = std::from_chars(entry->value.data(), end, sum);
        if (failure != std::errc() || rest != end || __builtin_add_overflow(sum, by, &sum)) co_return std::nullopt;
        const std::size_t before = entry->bytes();
        entry->value = std::to_string(sum);
        shard.bytes += entry->bytes() - before;
        co_return sum;
    }

private:
    Shard& shard_of(std::string_view key) { return shards_[stable_hash(key) % kShards]; }

    std::optional<std::string> find(std::string_view key) {
        Shard& shard = shard_of(key);
        const Time now = clock_.now();
        std::optional<std::string> value;
        {
            const std::lock_guard lock(shard.mutex);
            if (const Stored* entry = shard.find(key, now)) value = entry->value;
        }
        (value ? hits_ : misses_).add();
        return value;
    }

    void store(Stored entry, std::chrono::milliseconds ttl) {
        Shard& shard = shard_of(entry.key);
        const std::lock_guard lock(shard.mutex);
        shard.erase(entry.key);
        if (ttl.count() > 0) insert(shard, std::move(entry));
    }

    void insert(Shard& shard, Stored entry) {
        const std::size_t dropped = shard.insert(std::move(entry), max_bytes_);
        if (dropped > 0) dropped_.add(static_cast<double>(dropped));
    }

    std::size_t bytes() {
        std::size_t sum = 0;
        for (Shard& shard : shards_) {
            const std::lock_guard lock(shard.mutex);
            sum += shard.bytes;
        }
        return sum;
    }

    const Clock& clock_;
    const std::size_t max_bytes_;  // of each shard
    std::array<Shard, kShards> shards_;
    metrics::Counter& hits_ = metrics::counter("guildhall_cache_hits_total", "Keys that the cache held.");
    metrics::Counter& misses_ = metrics::counter("guildhall_cache_misses_total", "Keys that the cache did not hold.");
    metrics::Counter& dropped_ =
        metrics::counter("guildhall_cache_dropped_total", "Entries dropped because the cache was full.");
};

}  // namespace

std::unique_ptr<Cache> make_memory_cache(const Clock& clock, std::size_t max_bytes) {
    return std::make_unique<MemoryCache>(clock, max_bytes);
}

}  // namespace guildhall::cache
