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

/// A place in the log of a PostgreSQL primary. A fail-over begins a new timeline.
struct LogPosition {
    std::int64_t timeline = 0;
    std::int64_t lsn = 0;
};

/// Up to where in the log a replica must be to answer a read: for each key, the last commit that this process knows to have written it. A key is any id
/// or text that is a parameter of a statement, so each statement must name the keys of the rows that it writes or reads (scripts/check_statements.py).
/// Bounded: keys share slots, which can only send a read to the primary that a replica could have answered. Thread-safe.
class RecentWrites {
public:
    /// The slots of keys.
    using Keys = std::vector<std::uint16_t>;
    /// Tells all other processes of this database; returns when those that listen know, does not throw. Each number is told to hear() there; they stand
    /// for themselves, in this order.
    using Tell = std::function<Task<void>(std::vector<std::int64_t> numbers)>;

    /// With other processes on the same database; without this call there are none. `live`, which outlives this, is false while this process may not
    /// hear what others tell. Before the first use.
    void share(Tell tell, const std::atomic<bool>& live);
    /// A number that another process told.
    void hear(std::int64_t number);
    /// Something that others told may not have been heard. Before `live` is true again.
    void miss() { ++epoch_; }

    /// Adds the keys among `params`.
    static void collect(const Params& params, Keys& keys);
    /// Remembers a commit that wrote `keys`. Call before anybody learns of it.
    void note(std::span<const std::uint16_t> keys, LogPosition position);
    /// Tells the other processes of it.
    Task<void> tell(Keys keys, LogPosition position);

    /// What a replica must have replayed to answer these reads.
    LogPosition needed(const std::vector<BoundStatement>& statements) const;

    /// The number to give to start_from(); 0 while others may write without our knowing.
    std::uint64_t epoch() const { return live_ && !*live_ ? 0 : epoch_.load(); }
    /// True when every commit since start_from(epoch) is known.
    bool knows_all(std::uint64_t epoch) const { return epoch == started_.load(std::memory_order_acquire); }
    /// `position` is where the primary was after epoch() was read: earlier commits need not be known one by one.
    void start_from(std::uint64_t epoch, LogPosition position);

private:
    static constexpr std::size_t kSlots = 1 << 15;

    void note_timeline(std::int64_t timeline);

    Tell tell_;
    const std::atomic<bool>* live_ = nullptr;  // null: there are no other processes
    std::atomic<std::uint64_t> epoch_{1};
    std::array<std::atomic<std::int64_t>, kSlots> slots_{};
    std::atomic<std::int64_t> timeline_{0};
    std::atomic<std::int64_t> start_{0};
    std::atomic<std::uint64_t> started_{0};
};

}  // namespace guildhall::sql
