#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// A position in the log of a PostgreSQL primary. A fail-over begins a new timeline.
struct LogPosition {
    std::int64_t timeline = 0;
    std::int64_t lsn = 0;
};

/// The position that a replica must have reached to answer a read: for each key, the last known commit that wrote it. A
/// key is any id or text that is a parameter of a statement, so each statement must name the keys of the rows that it
/// writes or reads (scripts/check_statements.py). Bounded: keys share slots, which at worst sends a read to the primary
/// that a replica could have answered. Thread-safe.
class RecentWrites {
public:
    /// The slots of keys.
    using Keys = std::vector<std::uint16_t>;
    /// Sends numbers to all other processes of this database, each of which calls note_remote() with them in this
    /// order. Returns when the processes that listen have done so. Does not throw.
    using Announce = std::function<Task<void>(std::vector<std::int64_t> numbers)>;

    /// Call before the first use if other processes use the same database. `live`, which outlives this, is false while
    /// this process may miss their announcements.
    void share(Announce announce, const std::atomic<bool>& live);
    /// Takes a number that another process has announced.
    void note_remote(std::int64_t number);
    /// Records that an announcement may have been missed. Call before `live` becomes true again.
    void note_missed() { ++epoch_; }

    /// Adds the keys among `params`.
    static void collect(const Params& params, Keys& keys);
    /// Records a commit that wrote `keys`. Call before it becomes known to any caller.
    void note(std::span<const std::uint16_t> keys, LogPosition position);
    /// Announces the commit to the other processes.
    Task<void> announce(Keys keys, LogPosition position);

    /// The position that a replica must have replayed to answer these reads.
    LogPosition needed(const std::vector<BoundStatement>& statements) const;

    /// The number for start_from(); 0 while other processes may write without being noticed.
    std::uint64_t epoch() const { return live_ && !*live_ ? 0 : epoch_.load(); }
    /// True when every commit since start_from(epoch) is known.
    bool knows_all(std::uint64_t epoch) const { return epoch == started_.load(std::memory_order_acquire); }
    /// `position` is that of the primary, read after epoch(). Earlier commits need not be known individually.
    void start_from(std::uint64_t epoch, LogPosition position);

private:
    static constexpr std::size_t kSlots = 1 << 15;

    void note_timeline(std::int64_t timeline);

    Announce announce_;
    const std::atomic<bool>* live_ = nullptr;  // null: there are no other processes
    std::atomic<std::uint64_t> epoch_{1};
    std::array<std::atomic<std::int64_t>, kSlots> slots_{};
    std::atomic<std::int64_t> timeline_{0};
    std::atomic<std::int64_t> start_{0};
    std::atomic<std::uint64_t> started_{0};
};

}  // namespace guildhall::sql
