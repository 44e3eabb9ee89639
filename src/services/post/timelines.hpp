#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "platform/cache/local.hpp"
#include "services/post/post_store.hpp"

namespace guildhall::post {

/// Which authors' timelines changed, in order: what a cached feed is checked against. So a post costs the same
/// however many connections its author has, and a feed is exact without waiting for an event. Remembers the last
/// 8,192 changes. Thread-safe; reading takes no lock.
class ChangeLog {
public:
    using Position = std::uint64_t;

    Position position() const { return next_.load(std::memory_order_acquire); }

    /// Call after what changed was dropped from the caches.
    void append(UserId author) {
        std::lock_guard lock(mutex_);
        const Position at = next_.load(std::memory_order_relaxed);
        authors_[at % kSize].store(author.value, std::memory_order_release);
        next_.store(at + 1, std::memory_order_release);
    }

    /// The authors of whom `is_meant` is true that changed from `since` to `until`, each once; nothing when that is too
    /// long ago to be known.
    template <class IsMeant>
    std::optional<std::vector<UserId>> list_changed(Position since, Position until, IsMeant is_meant) const {
        if (until - since >= kSize) return std::nullopt;
        std::vector<UserId> changed;
        for (Position at = since; at != until; ++at) {
            const UserId author{authors_[at % kSize].load(std::memory_order_acquire)};
            if (is_meant(author) && std::ranges::find(changed, author) == changed.end()) changed.push_back(author);
            if (changed.size() > kMaxListed) return std::nullopt;
        }
        // What was overwritten while it was read may have been anybody.
        if (position() - since >= kSize) return std::nullopt;
        return changed;
    }

private:
    static constexpr std::size_t kSize = 8192;
    static constexpr std::size_t kMaxListed = 64;
    std::mutex mutex_;
    std::atomic<Position> next_{0};
    std::array<std::atomic<std::int64_t>, kSize> authors_{};
};

/// The newest posts of an author, newest first; deleted ones are not in it.
struct Timeline {
    std::vector<TimelineEntry> entries;
    bool is_complete;  // there are no older ones
};
using TimelinePointer = std::shared_ptr<const Timeline>;

/// The timelines of authors, from memory when they are warm. Thread-safe.
class Timelines {
public:
    static constexpr std::size_t kEntries = 100;

    /// Keeps up to `max_bytes` in memory.
    Timelines(PostStore& posts, const std::atomic<bool>& is_live, std::size_t max_bytes);

    /// The timelines of `authors`, in their order; what is missing is read in few round trips, at most kEntries rows
    /// an author.
    Task<std::vector<TimelinePointer>> of(std::vector<UserId> authors);

    /// Called after each transaction that may have added, deleted or shown otherwise a post of `author`.
    void drop(UserId author) {
        timelines_.invalidate(author);
        changes_.append(author);
    }
    /// Forgets all of them; owners of values made from them drop those afterwards.
    void clear() { timelines_.clear(); }

    const ChangeLog& changes() const { return changes_; }

private:
    PostStore& posts_;
    cache::Local<UserId, Timeline> timelines_;
    ChangeLog changes_;
};

}  // namespace guildhall::post
