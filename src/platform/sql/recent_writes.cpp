#include "platform/sql/recent_writes.hpp"

#include <algorithm>
#include <utility>

#include "platform/base/text.hpp"

namespace guildhall::sql {
namespace {

/// Smaller numbers are kinds, counts and limits, which nearly all statements share. The lowest 22 bits of an id are not
/// its time (base/id.hpp).
constexpr std::int64_t kLeastId = 1 << 22;

// An announcement is one number: a timeline, negated; or a slot, in the lowest bits, with the position of its last
// write in units of eight bytes, the alignment of records. Two petabytes of log fit.
constexpr int kSlotBits = 15;
constexpr std::int64_t kStep = 8;

std::uint16_t slot_of(std::uint64_t hash) {
    return static_cast<std::uint16_t>((hash * 0x9E3779B97F4A7C15ULL) >> (64 - kSlotBits));
}

template <class Use>
void for_each_key(const Params& params, Use use) {
    const auto number = [&use](std::int64_t value) {
        if (value >= kLeastId) use(slot_of(static_cast<std::uint64_t>(value)));
    };
    for (const Value& value : params) {
        if (const auto* one = std::get_if<std::int64_t>(&value)) {
            number(*one);
        } else if (const auto* text = std::get_if<std::string>(&value)) {
            use(slot_of(stable_hash(*text)));
        } else if (const auto* ids = std::get_if<Ids>(&value)) {
            std::ranges::for_each(*ids, number);
        }
    }
}

void raise(std::atomic<std::int64_t>& value, std::int64_t to) {
    auto known = value.load(std::memory_order_relaxed);
    while (known < to && !value.compare_exchange_weak(known, to, std::memory_order_release)) {
    }
}

std::int64_t number_of(std::uint16_t key, std::int64_t lsn) { return (lsn + kStep - 1) / kStep << kSlotBits | key; }

}  // namespace

void RecentWrites::share(Announce announce, const std::atomic<bool>& live) {
    announce_ = std::move(announce);
    live_ = &live;
}

void RecentWrites::note_remote(std::int64_t number) {
    if (number < 0) return note_timeline(-number);
    static_assert(kSlots == 1 << kSlotBits);
    raise(slots_[static_cast<std::size_t>(number) % kSlots], (number >> kSlotBits) * kStep);
}

void RecentWrites::collect(const Params& params, Keys& keys) {
    for_each_key(params, [&keys](std::uint16_t key) { keys.push_back(key); });
}

void RecentWrites::note(std::span<const std::uint16_t> keys, LogPosition position) {
    note_timeline(position.timeline);
    for (const auto key : keys) raise(slots_[key], position.lsn);
}

Task<void> RecentWrites::announce(Keys keys, LogPosition position) {
    if (!announce_) co_return;
    std::ranges::sort(keys);
    const auto repeated = std::ranges::unique(keys);
    keys.erase(repeated.begin(), repeated.end());
    std::vector<std::int64_t> numbers{-position.timeline};
    for (const auto key : keys) numbers.push_back(number_of(key, position.lsn));
    co_await announce_(std::move(numbers));
}

LogPosition RecentWrites::needed(const std::vector<BoundStatement>& statements) const {
    LogPosition position{0, start_.load(std::memory_order_acquire)};
    for (const BoundStatement& bound : statements) {
        for_each_key(bound.params, [this, &position](std::uint16_t key) {
            position.lsn = std::max(position.lsn, slots_[key].load(std::memory_order_acquire));
        });
    }
    position.timeline = timeline_.load(std::memory_order_acquire);
    return position;
}

void RecentWrites::start_from(std::uint64_t epoch, LogPosition position) {
    note_timeline(position.timeline);
    raise(start_, position.lsn);
    started_.store(epoch, std::memory_order_release);
}

void RecentWrites::note_timeline(std::int64_t timeline) { raise(timeline_, timeline); }

}  // namespace guildhall::sql
