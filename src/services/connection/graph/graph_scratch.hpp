#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/connection/graph/compact_graph.hpp"

namespace guildhall::connection {

/// A set of members as bits, emptied by taking out what is in it.
class Marks {
public:
    /// Makes room for members below `capacity`.
    void fit(std::size_t capacity) {
        if (words_.size() * 64 < capacity) words_.resize((capacity + 63) / 64);
    }
    bool has(MemberIndex member) const { return (words_[member / 64] >> (member % 64) & 1) != 0; }
    /// True when it was not in.
    bool add(MemberIndex member) {
        std::uint64_t& word = words_[member / 64];
        const std::uint64_t bit = std::uint64_t{1} << (member % 64);
        if ((word & bit) != 0) return false;
        word |= bit;
        members_.push_back(member);
        return true;
    }
    /// In the order in which they came.
    const std::vector<MemberIndex>& members() const { return members_; }
    void clear() {
        if (members_.size() > words_.size()) {
            std::ranges::fill(words_, 0);
        } else {
            for (const MemberIndex member : members_) words_[member / 64] = 0;
        }
        members_.clear();
    }

private:
    std::vector<std::uint64_t> words_;
    std::vector<MemberIndex> members_;
};

/// A number for each member, 0 at first; those that are not 0 are remembered, so that only these are made 0 again.
class Tally {
public:
    /// Makes room for members below `capacity` - 1; one place more than members is needed.
    void fit(std::size_t capacity) {
        if (values_.size() < capacity) values_.resize(capacity);
        if (touched_.size() < capacity) touched_.resize(capacity);
    }
    std::uint32_t of(MemberIndex member) const { return values_[member]; }
    /// Adds `by`, which is not 0.
    void add(MemberIndex member, std::uint32_t by) {
        touched_[count_] = member;
        count_ += values_[member] == 0 ? 1 : 0;
        values_[member] += by;
    }
    /// Sets a number, not 0, where there was 0.
    void set(MemberIndex member, std::uint32_t value) {
        touched_[count_++] = member;
        values_[member] = value;
    }
    /// Calls visit(member, number) for each that is not 0, and makes it 0.
    template <class Visit>
    void take_all(Visit visit) {
        for (std::size_t i = 0; i < count_; ++i) {
            const std::uint32_t value = values_[touched_[i]];
            values_[touched_[i]] = 0;
            visit(touched_[i], value);
        }
        count_ = 0;
    }
    void clear() {
        take_all([](MemberIndex, std::uint32_t) {});
    }

private:
    std::vector<std::uint32_t> values_;
    std::vector<MemberIndex> touched_;
    std::size_t count_ = 0;
};

/// What a question writes on: as large as the graph, so each thread has one, made once, and gives it back clean.
struct Scratch {
    Marks hidden;  // whom the viewer may not see
    Marks mine;    // what is asked differs; see the questions
    Marks theirs;
    Marks near;
    Marks far;
    Tally first;
    Tally second;
};

/// The scratch of this thread, for one question about `graph` at a time.
class ScratchLease {
public:
    explicit ScratchLease(const CompactGraph& graph) : scratch_(of_thread()) {
        // As much as a tally needs, too.
        const std::size_t capacity = graph.capacity() + 1;
        for (Marks* marks : {&scratch_.hidden, &scratch_.mine, &scratch_.theirs, &scratch_.near, &scratch_.far})
            marks->fit(capacity);
    }
    ~ScratchLease() {
        for (Marks* marks : {&scratch_.hidden, &scratch_.mine, &scratch_.theirs, &scratch_.near, &scratch_.far})
            marks->clear();
        scratch_.first.clear();
        scratch_.second.clear();
    }
    ScratchLease(const ScratchLease&) = delete;
    ScratchLease& operator=(const ScratchLease&) = delete;

    Scratch& operator*() const { return scratch_; }
    Scratch* operator->() const { return &scratch_; }

private:
    static Scratch& of_thread() {
        thread_local Scratch scratch;
        return scratch;
    }
    Scratch& scratch_;
};

}  // namespace guildhall::connection
