#include "platform/base/id.hpp"

#include <algorithm>

namespace guildhall {
namespace {

constexpr int kNodeBits = 10;
constexpr int kSequenceBits = 12;
constexpr std::int64_t kEpochMs = 1'704'067'200'000;  // 2024-01-01T00:00:00Z

std::int64_t milliseconds_of(Time time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() - kEpochMs;
}

}  // namespace

IdGenerator::IdGenerator(const Clock& clock, std::uint16_t node) : clock_(clock) { use(node, Time::max()); }

void IdGenerator::use(std::uint16_t node, Time until) {
    node_.store(node & ((1 << kNodeBits) - 1), std::memory_order_relaxed);
    until_ms_.store(milliseconds_of(until), std::memory_order_release);
}

bool IdGenerator::is_usable() const {
    return milliseconds_of(clock_.now()) < until_ms_.load(std::memory_order_acquire);
}

std::int64_t IdGenerator::next_value() {
    const std::int64_t now_ms = milliseconds_of(clock_.now());
    if (now_ms >= until_ms_.load(std::memory_order_acquire))
        throw Unavailable("no ids can be made: the node number is not held", refusal_.load(std::memory_order_relaxed));
    const std::int64_t now = now_ms << kSequenceBits;
    std::int64_t last = last_.load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
        next = std::max(last + 1, now);
    } while (!last_.compare_exchange_weak(last, next, std::memory_order_relaxed));
    const std::int64_t sequence = next & ((1 << kSequenceBits) - 1);
    const std::int64_t node = node_.load(std::memory_order_relaxed);
    return ((next >> kSequenceBits) << (kNodeBits + kSequenceBits)) | (node << kSequenceBits) | sequence;
}

Time time_of_id(std::int64_t id) {
    return Time(std::chrono::milliseconds((id >> (kNodeBits + kSequenceBits)) + kEpochMs));
}

std::int64_t first_id_at(Time at) {
    return std::max<std::int64_t>(milliseconds_of(at), 0) << (kNodeBits + kSequenceBits);
}

}  // namespace guildhall
