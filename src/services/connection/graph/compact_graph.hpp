#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "services/connection/graph/graph.hpp"
#include "services/connection/graph/id_index.hpp"
#include "services/connection/graph/text_pool.hpp"

namespace guildhall::connection {

/// The number of a member in a CompactGraph: small, dense, given again when its member is gone.
using MemberIndex = std::uint32_t;

/// Members and connections in memory, made for quick questions: members are numbers, their connections ascending arrays
/// of 4 bytes each. Not thread-safe; reading by many at once is.
class CompactGraph {
public:
    /// No member.
    static constexpr MemberIndex kNobody = IdIndex::kAbsent;

    // Changes, as in Graph.

    /// Graph::put_members.
    void put_members(std::span<const GraphMember> members);
    /// Graph::remove_members.
    void remove_members(std::span<const UserId> members);
    /// Graph::set_edges.
    void set_edges(std::span<const GraphEdge> edges);
    /// Graph::list.
    std::vector<GraphEntry> list(UserId after, std::size_t limit) const;

    // The members.

    /// The number of a member; kNobody when they are not known.
    MemberIndex find(UserId id) const { return index_.find(id, ids_); }
    /// All numbers are below it; some may belong to nobody.
    std::size_t capacity() const { return ids_.size(); }
    /// How many members are known.
    std::size_t count() const { return index_.count(); }
    /// How many connections there are, each counted from both sides.
    std::size_t directions() const { return directions_; }

    UserId id_of(MemberIndex member) const { return ids_[member]; }
    bool is_known(MemberIndex member) const { return static_cast<bool>(ids_[member]); }
    /// Their connections, ascending by number (not by id).
    std::span<const MemberIndex> peers_of(MemberIndex member) const { return peers_[member]; }
    std::size_t degree_of(MemberIndex member) const { return peers_[member].size(); }
    /// shared_connection_score() of their degree.
    std::uint32_t score_of(MemberIndex member) const { return scores_[member]; }
    bool are_connected(MemberIndex a, MemberIndex b) const;
    bool hides_network(MemberIndex member) const { return has(hides_network_, member); }
    bool is_suggestable(MemberIndex member) const { return !has(opted_out_, member); }
    /// Equal for equal texts, 0 for an unknown one; as industry_of.
    std::uint32_t place_of(MemberIndex member) const { return places_[member]; }
    std::uint32_t industry_of(MemberIndex member) const { return industries_[member]; }
    GraphMember member(MemberIndex member) const;

    /// Calls visit(member, peers) for each of `members`; asks for the memory of those to come meanwhile.
    template <class Visit>
    void for_each_row(std::span<const MemberIndex> members, Visit visit) const {
        constexpr std::size_t kFar = 12;
        constexpr std::size_t kNear = 4;
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (i + kFar < members.size()) __builtin_prefetch(&peers_[members[i + kFar]]);
            if (i + kNear < members.size()) __builtin_prefetch(peers_[members[i + kNear]].data());
            if (!visit(members[i], std::span<const MemberIndex>(peers_[members[i]]))) return;
        }
    }

    // For snapshots.

    /// From now on it keeps in mind whose row or attributes change.
    void watch_changes();
    /// How many those are.
    std::size_t count_changed() const { return changed_.size(); }
    /// Those since watch_changes() or the last time, each once. Ends the watch when `is_last`.
    std::vector<MemberIndex> take_changed(bool is_last);
    /// Puts the member with the number `at` as a snapshot has it, whole. Afterwards finish_restoring().
    void restore(MemberIndex at, const GraphMember& member, std::vector<MemberIndex> peers);
    /// Nobody has the number `at`.
    void restore_nobody(MemberIndex at);
    /// Makes what is not in a snapshot. Throws Corrupt when what was restored is no graph.
    void finish_restoring();

private:
    using Bits = std::vector<std::uint64_t>;
    static bool has(const Bits& bits, MemberIndex member) { return (bits[member / 64] >> (member % 64) & 1) != 0; }
    static void set(Bits& bits, MemberIndex member, bool value);

    MemberIndex find_or_add(UserId id);
    void sort_added();
    void fit(std::size_t capacity);
    void describe(MemberIndex at, const GraphMember& member);
    void forget(MemberIndex at);
    void connect(MemberIndex a, MemberIndex b);
    void disconnect(MemberIndex a, MemberIndex b);
    bool insert_peer(MemberIndex of, MemberIndex peer);
    bool erase_peer(MemberIndex of, MemberIndex peer);
    void row_changed(MemberIndex member);
    void note(MemberIndex member);

    std::vector<UserId> ids_;  // 0: nobody has this number
    IdIndex index_;
    std::vector<std::vector<MemberIndex>> peers_;
    std::size_t directions_ = 0;
    std::vector<std::uint16_t> scores_;
    Bits hides_network_;
    Bits opted_out_;
    std::vector<std::uint32_t> places_;
    std::vector<std::uint32_t> industries_;
    TextPool texts_;

    std::vector<MemberIndex> by_id_;   // all who are known, ascending by id
    std::vector<MemberIndex> added_;   // not in by_id_ yet; empty between calls
    std::vector<MemberIndex> unused_;  // numbers of nobody

    bool is_watched_ = false;
    Bits is_changed_;
    std::vector<MemberIndex> changed_;
};

}  // namespace guildhall::connection
