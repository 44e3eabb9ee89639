#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "platform/base/id.hpp"

namespace guildhall::connection {

/// Finds the number of a member by id: open addressing, 4 bytes a slot, at most half full. The ids themselves lie with
/// the owner, in `ids`, by number.
class IdIndex {
public:
    static constexpr std::uint32_t kAbsent = 0xFFFFFFFF;

    /// The number of `id`; kAbsent when it has none.
    std::uint32_t find(UserId id, const std::vector<UserId>& ids) const {
        if (slots_.empty()) return kAbsent;
        for (std::size_t slot = home_of(id);; slot = next(slot)) {
            if (slots_[slot] == kAbsent || ids[slots_[slot]] == id) return slots_[slot];
        }
    }
    /// Adds `number`, whose id lies in `ids` and is not among those that were added.
    void insert(std::uint32_t number, const std::vector<UserId>& ids) {
        if ((count_ + 1) * 2 > slots_.size()) grow(ids);
        place(number, ids);
        ++count_;
    }
    /// Takes `id`, which was added, away.
    void erase(UserId id, const std::vector<UserId>& ids) {
        std::size_t hole = home_of(id);
        while (ids[slots_[hole]] != id) hole = next(hole);
        // Whatever follows in the same run moves up when the hole lies between its home and it. Source: Knuth, TAOCP
        // 6.4, algorithm R.
        for (std::size_t slot = next(hole); slots_[slot] != kAbsent; slot = next(slot)) {
            const std::size_t home = home_of(ids[slots_[slot]]);
            if (((slot - home) & (slots_.size() - 1)) < ((slot - hole) & (slots_.size() - 1))) continue;
            slots_[hole] = slots_[slot];
            hole = slot;
        }
        slots_[hole] = kAbsent;
        --count_;
    }
    std::size_t count() const { return count_; }

private:
    std::size_t home_of(UserId id) const { return std::hash<UserId>{}(id) & (slots_.size() - 1); }
    std::size_t next(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
    void place(std::uint32_t number, const std::vector<UserId>& ids) {
        std::size_t slot = home_of(ids[number]);
        while (slots_[slot] != kAbsent) slot = next(slot);
        slots_[slot] = number;
    }
    void grow(const std::vector<UserId>& ids) {
        std::vector<std::uint32_t> old(slots_.empty() ? 16 : slots_.size() * 2, kAbsent);
        old.swap(slots_);
        for (const std::uint32_t number : old) {
            if (number != kAbsent) place(number, ids);
        }
    }

    std::vector<std::uint32_t> slots_;  // a power of two
    std::size_t count_ = 0;
};

}  // namespace guildhall::connection
