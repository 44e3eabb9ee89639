#include "platform/sql/recent_writes.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "platform/base/text.hpp"

namespace guildhall::sql {
namespace {

/// Smaller numbers are kinds, counts and limits, which nearly all statements share: 22 bits of an id are below its time (base/id.hpp).
constexpr std::int64_t kLeastId = 1 << 22;

std::uint16_t slot_of(std::uint64_t hash) { return static_cast<std::uint16_t>((hash * 0x9E3779B97F4A7C15ULL) >> 49); }

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

/// Takes a number and the space behind it from the front of `text`. False when none is there.
template <class Number>
bool take_number(std::string_view& text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with(' ')) text.remove_prefix(1);
    return true;
}

}  // namespace

void RecentWrites::share(Tell tell, Generation generation) {
    tell_ = std::move(tell);
    generation_ = std::move(generation);
}

void RecentWrites::hear(std::string_view news) {
    LogPosition position;
    Keys keys;
    bool is_whole = take_number(news, position.timeline) && take_number(news, position.lsn);
    for (std::uint16_t key = 0; is_whole && !news.empty();) {
        is_whole = take_number(news, key) && key < kSlots;
        keys.push_back(key);
    }
    if (is_whole) return note(keys, position);
    // Of another version. What it tells is as good as missed.
    started_.store(0, std::memory_order_release);
}

void RecentWrites::collect(const Params& params, Keys& keys) {
    for_each_key(params, [&keys](std::uint16_t key) { keys.push_back(key); });
}

void RecentWrites::note(std::span<const std::uint16_t> keys, LogPosition position) {
    note_timeline(position.timeline);
    for (const auto key : keys) raise(slots_[key], position.lsn);
}

Task<void> RecentWrites::tell(Keys keys, LogPosition position) {
    if (!tell_) co_return;
    std::ranges::sort(keys);
    const auto repeated = std::ranges::unique(keys);
    keys.erase(repeated.begin(), repeated.end());
    std::string news = std::to_string(position.timeline) + ' ' + std::to_string(position.lsn);
    for (const auto key : keys) news += ' ' + std::to_string(key);
    co_await tell_(std::move(news));
}

LogPosition RecentWrites::needed(const std::vector<Call>& calls) const {
    LogPosition position{0, start_.load(std::memory_order_acquire)};
    for (const Call& call : calls) {
        for_each_key(call.params, [this, &position](std::uint16_t key) {
            position.lsn = std::max(position.lsn, slots_[key].load(std::memory_order_acquire));
        });
    }
    position.timeline = timeline_.load(std::memory_order_acquire);
    return position;
}

void RecentWrites::start_from(std::uint64_t generation, LogPosition position) {
    note_timeline(position.timeline);
    raise(start_, position.lsn);
    started_.store(generation, std::memory_order_release);
}

void RecentWrites::note_timeline(std::int64_t timeline) { raise(timeline_, timeline); }

}  // namespace guildhall::sql
