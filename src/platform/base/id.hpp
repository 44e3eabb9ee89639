#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "platform/base/clock.hpp"
#include "platform/base/result.hpp"

namespace guildhall {

/// The id of one kind of thing: 64 bits, time-ordered, never negative; 0 is no id. A decimal string in JSON.
template <class Tag>
struct Id {
    std::int64_t value = 0;

    friend auto operator<=>(const Id&, const Id&) = default;
    explicit operator bool() const { return value != 0; }
};

using UserId = Id<struct UserTag>;
using SessionId = Id<struct SessionTag>;

/// Makes ids: 41 bits of milliseconds since 2024-01-01T00:00:00Z, 10 of node, 12 of sequence.
/// Ids of one generator strictly increase, also when the clock steps back; past 4,096 in a millisecond it borrows from
/// the next. Thread-safe, lock-free. Two generators never give the same id while their nodes differ (see
/// sql/node_lease.hpp). Source: the layout of Twitter's Snowflake.
class IdGenerator {
public:
    /// Makes no ids until use() is called.
    explicit IdGenerator(const Clock& clock) : clock_(clock) {}
    /// Makes ids of `node` without end.
    IdGenerator(const Clock& clock, std::uint16_t node);

    /// Makes ids of `node` until the clock says `until`: another process may have the node after that.
    void use(std::uint16_t node, Time until);
    /// The code of the Unavailable that is thrown while no node may be used; Code::unavailable at first.
    void refuse_with(Code code) { refusal_.store(code, std::memory_order_relaxed); }

    /// False while no node may be used.
    bool is_usable() const;

    /// The next id. Throws Unavailable while no node may be used.
    template <class IdType>
    IdType next() {
        return IdType{next_value()};
    }
    /// The same as a bare number.
    std::int64_t next_value();

private:
    const Clock& clock_;
    std::atomic<std::int64_t> node_{0};
    std::atomic<std::int64_t> until_ms_{0};  // of the node; since the epoch of ids
    std::atomic<Code> refusal_{Code::unavailable};
    std::atomic<std::int64_t> last_{0};  // milliseconds << 12 | sequence
};

/// The time in an id, to the millisecond.
Time time_of_id(std::int64_t id);

/// The smallest id that a generator can make at `at` or later; for ranges over ids by time.
std::int64_t first_id_at(Time at);

}  // namespace guildhall

template <class Tag>
struct std::hash<guildhall::Id<Tag>> {
    std::size_t operator()(guildhall::Id<Tag> id) const noexcept {
        // Fibonacci hashing (Knuth, TAOCP 6.4): ids may differ in their high bits only, and only the product's high
        // bits depend on all of them, while tables look at the low bits of a hash.
        return static_cast<std::size_t>((static_cast<std::uint64_t>(id.value) * 0x9E3779B97F4A7C15ULL) >> 32);
    }
};
