#include <algorithm>
#include <span>

#include "services/connection/graph/graph_questions.hpp"
#include "services/connection/graph/graph_scratch.hpp"

namespace guildhall::connection {
namespace {

/// What the viewer reaches step by step.
class Steps {
public:
    Steps(const CompactGraph& graph, const Viewer& viewer)
        : graph_(graph), me_(graph.find(viewer.id)), scratch_(graph) {
        for (const UserId id : viewer.hidden) {
            if (const MemberIndex member = graph.find(id); member != CompactGraph::kNobody)
                scratch_->hidden.add(member);
        }
        if (me_ == CompactGraph::kNobody) return;
        for (const MemberIndex peer : graph.peers_of(me_)) {
            if (!is_passable(peer) || !via().add(peer)) continue;
            reach_ += graph.degree_of(peer);
        }
    }

    std::vector<std::optional<int>> degrees(UserId viewer, const std::vector<UserId>& members) {
        std::vector<std::optional<int>> out(members.size());
        std::vector<Asked> open;
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (members[i] == viewer) {
                out[i] = 0;
                continue;
            }
            const MemberIndex member = graph_.find(members[i]);
            if (member == CompactGraph::kNobody || me_ == CompactGraph::kNobody || is_hidden(member)) continue;
            if (graph_.are_connected(me_, member)) {
                out[i] = 1;
            } else if (!graph_.hides_network(member)) {
                open.push_back({i, member});
            }
        }
        if (via().members().empty()) return out;
        std::erase_if(open, [&](const Asked& asked) {
            if (!shares(asked.member)) return false;
            out[asked.at] = 2;
            return true;
        });
        find_third(open, out);
        return out;
    }

    NetworkSize sizes(std::size_t budget) {
        NetworkSize out;
        if (me_ == CompactGraph::kNobody) return {.first = 0, .second = 0, .third = 0};
        Marks& known = scratch_->mine;
        known.add(me_);
        for (const MemberIndex peer : graph_.peers_of(me_)) {
            known.add(peer);
            if (!is_hidden(peer)) ++out.first;
        }
        if (reach_ > budget) return out;
        out.second = count_new(via().members(), scratch_->near);
        std::size_t visits = 0;
        for (const MemberIndex member : scratch_->near.members()) visits += graph_.degree_of(member);
        if (visits > budget) return out;
        out.third = count_new(scratch_->near.members(), scratch_->far);
        return out;
    }

private:
    struct Asked {
        std::size_t at;
        MemberIndex member;
    };

    Marks& via() { return scratch_->theirs; }  // connections whose connections count
    bool is_hidden(MemberIndex member) const { return scratch_->hidden.has(member); }
    bool is_passable(MemberIndex member) const { return !graph_.hides_network(member) && !is_hidden(member); }

    /// True when `member` has one of via().
    bool shares(MemberIndex member) {
        // A binary search for each connection of the viewer is quicker when the other has far more.
        constexpr std::size_t kSearchRatio = 16;
        const auto row = graph_.peers_of(member);
        if (row.size() / kSearchRatio > via().members().size())
            return std::ranges::any_of(via().members(),
                                       [&](MemberIndex peer) { return std::ranges::binary_search(row, peer); });
        return std::ranges::any_of(row, [&](MemberIndex peer) { return via().has(peer); });
    }

    /// Three steps. From the viewer's side it costs `reach_`, for all together. From the other side the search ends
    /// with the first hit, and the larger the viewer's reach the sooner there is one: so the cheaper side begins, and
    /// what it leaves open is asked of the other.
    void find_third(std::vector<Asked>& open, std::vector<std::optional<int>>& out) {
        if (open.empty() || reach_ == 0) return;
        const std::size_t expected = graph_.directions() / reach_ + 1;
        if (reach_ > open.size() * expected) {
            // Of hits that come by chance, one in e^16 takes longer.
            std::size_t left = kMostDegreeVisits;
            find_from_theirs(open, out, 16 * expected, left);
            if (open.empty()) return;
        }
        if (!mark_near()) {
            std::size_t left = kMostDegreeVisits;
            find_from_theirs(open, out, kMostDegreeVisits, left);
        }
        for (const Asked& asked : open) {
            if (std::ranges::any_of(graph_.peers_of(asked.member),
                                    [&](MemberIndex peer) { return scratch_->near.has(peer) && is_passable(peer); }))
                out[asked.at] = 3;
        }
    }
    void find_from_theirs(std::vector<Asked>& open, std::vector<std::optional<int>>& out, std::size_t most_for_each,
                          std::size_t& left) {
        std::erase_if(open, [&](const Asked& asked) {
            std::size_t for_this = std::min(most_for_each, left);
            const std::size_t before = for_this;
            bool is_found = false;
            graph_.for_each_row(graph_.peers_of(asked.member), [&](MemberIndex peer, std::span<const MemberIndex> row) {
                if (!is_passable(peer)) return true;
                const auto seen = row.first(std::min(row.size(), for_this));
                is_found = std::ranges::any_of(seen, [&](MemberIndex at) { return via().has(at); });
                for_this -= seen.size();
                return !is_found && for_this > 0;
            });
            left -= before - for_this;
            if (is_found) out[asked.at] = 3;
            return is_found;
        });
    }
    /// Marks all who are connected with one of via(). False when the budget did not suffice for all.
    bool mark_near() {
        std::size_t left = kMostDegreeVisits;
        bool is_complete = true;
        graph_.for_each_row(via().members(), [&](MemberIndex, std::span<const MemberIndex> row) {
            is_complete = row.size() <= left;
            if (!is_complete) return false;
            left -= row.size();
            for (const MemberIndex member : row) scratch_->near.add(member);
            return true;
        });
        return is_complete;
    }

    /// How many of those connected with `members` are new; they are added to `found`, and known from now on.
    std::size_t count_new(const std::vector<MemberIndex>& members, Marks& found) {
        graph_.for_each_row(members, [&](MemberIndex, std::span<const MemberIndex> row) {
            for (const MemberIndex member : row) {
                if (!scratch_->mine.has(member) && is_passable(member)) found.add(member);
            }
            return true;
        });
        for (const MemberIndex member : found.members()) scratch_->mine.add(member);
        return found.members().size();
    }

    const CompactGraph& graph_;
    const MemberIndex me_;
    std::size_t reach_ = 0;  // entries in the rows of via()
    ScratchLease scratch_;
};

}  // namespace

std::vector<std::optional<int>> degrees_in(const CompactGraph& graph, const Viewer& viewer,
                                           const std::vector<UserId>& members) {
    return Steps(graph, viewer).degrees(viewer.id, members);
}

NetworkSize network_size_in(const CompactGraph& graph, const Viewer& viewer, std::size_t budget) {
    return Steps(graph, viewer).sizes(std::min(budget, kMostSizeVisits));
}

Near::Near(const CompactGraph& graph, UserId viewer) : viewer_(viewer) {
    const MemberIndex me = graph.find(viewer);
    if (me == CompactGraph::kNobody) return;
    std::vector<MemberIndex> via;
    for (const MemberIndex peer : graph.peers_of(me))
        if (!graph.hides_network(peer)) via.push_back(peer);
    ScratchLease scratch(graph);
    Marks& found = scratch->near;
    graph.for_each_row(via, [&](MemberIndex, std::span<const MemberIndex> row) {
        for (const MemberIndex member : row)
            if (!graph.hides_network(member)) found.add(member);
        return true;
    });
    const auto& members = found.members();
    if (members.size() * sizeof(MemberIndex) < graph.capacity() / 8) {
        members_.assign(members.begin(), members.end());
        std::ranges::sort(members_);
        return;
    }
    bits_.resize((graph.capacity() + 63) / 64);
    for (const MemberIndex member : members) bits_[member / 64] |= std::uint64_t{1} << member % 64;
}

bool Near::has(MemberIndex member) const {
    if (bits_.empty()) return std::ranges::binary_search(members_, member);
    return member / 64 < bits_.size() && (bits_[member / 64] >> member % 64 & 1) != 0;
}

std::size_t Near::cost_of_degrees(const CompactGraph& graph, std::span<const UserId> members) {
    std::size_t cost = members.size();
    for (const UserId id : members)
        if (const MemberIndex member = graph.find(id); member != CompactGraph::kNobody) cost += graph.degree_of(member);
    return cost;
}

std::size_t Near::weight() const {
    return sizeof *this + bits_.capacity() * 8 + members_.capacity() * sizeof(MemberIndex);
}

std::optional<int> Near::degree(const CompactGraph& graph, MemberIndex me, UserId id) const {
    if (id == viewer_) return 0;
    const MemberIndex member = graph.find(id);
    if (member == CompactGraph::kNobody || me == CompactGraph::kNobody) return std::nullopt;
    if (graph.are_connected(me, member)) return 1;
    if (graph.hides_network(member)) return std::nullopt;
    if (has(member)) return 2;
    const bool is_third = std::ranges::any_of(graph.peers_of(member), [&](MemberIndex peer) { return has(peer); });
    return is_third ? std::optional(3) : std::nullopt;
}

std::optional<int> Near::degree(const CompactGraph& graph, UserId member) const {
    return degree(graph, graph.find(viewer_), member);
}

std::vector<std::optional<int>> Near::degrees(const CompactGraph& graph, std::span<const UserId> members) const {
    std::vector<std::optional<int>> out;
    out.reserve(members.size());
    const MemberIndex me = graph.find(viewer_);
    for (const UserId member : members) out.push_back(degree(graph, me, member));
    return out;
}

std::size_t cost_of_degrees(const CompactGraph& graph, const Viewer& viewer, const std::vector<UserId>& members,
                            std::size_t enough) {
    std::size_t cost = viewer.hidden.size() + members.size();
    for (const UserId id : members) {
        const MemberIndex member = graph.find(id);
        if (member != CompactGraph::kNobody) cost += graph.degree_of(member);
        if (cost >= enough) return enough;
    }
    const MemberIndex me = graph.find(viewer.id);
    if (me == CompactGraph::kNobody) return cost;
    const std::size_t reach = reach_of(graph, viewer.id, enough);
    // Either side will do for the third step.
    const std::size_t from_theirs = members.size() * (graph.directions() / std::max<std::size_t>(reach, 1) + 1);
    return std::min(enough, cost + graph.degree_of(me) + std::min(reach, from_theirs));
}

}  // namespace guildhall::connection
