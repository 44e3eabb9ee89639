#include <algorithm>
#include <array>
#include <span>

#include "services/connection/graph/graph_questions.hpp"
#include "services/connection/graph/graph_scratch.hpp"

namespace guildhall::connection {
namespace {

/// Past this ratio of sizes, a binary search for each member of the shorter row is quicker than walking the longer one.
constexpr std::size_t kSearchRatio = 16;

/// Somebody who may be suggested, with what decides the order.
struct Candidate {
    MemberIndex member;
    std::uint32_t score;
    std::uint32_t degree;
    UserId id;
};

bool has_more_connections(const Candidate& a, const Candidate& b) {
    return a.degree != b.degree ? a.degree > b.degree : a.id < b.id;
}
bool has_higher_score(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : has_more_connections(a, b);
}

/// The first `limit` in an order; what does not belong to them is dropped as it comes.
template <bool (*kComesBefore)(const Candidate&, const Candidate&)>
class Top {
public:
    explicit Top(std::size_t limit) : limit_(limit) {}

    bool is_full() const { return heap_.size() == limit_; }
    /// The last of them; only when it is full.
    const Candidate& last() const { return heap_.front(); }
    void add(const Candidate& candidate) {
        if (!is_full()) {
            heap_.push_back(candidate);
            std::ranges::push_heap(heap_, kComesBefore);
        } else if (kComesBefore(candidate, last())) {
            std::ranges::pop_heap(heap_, kComesBefore);
            heap_.back() = candidate;
            std::ranges::push_heap(heap_, kComesBefore);
        }
    }
    /// In no order.
    const std::vector<Candidate>& all() const { return heap_; }

private:
    std::size_t limit_;
    std::vector<Candidate> heap_;  // the last one in front
};

/// One question.
class Suggesting {
public:
    Suggesting(const CompactGraph& graph, const Viewer& viewer, const Ids& excluded, std::size_t limit)
        : graph_(graph), me_(graph.find(viewer.id)), limit_(limit), scratch_(graph) {
        scratch_->first.fit(graph.capacity() + 1);
        for (const Ids* ids : {&viewer.hidden, &excluded}) {
            for (const UserId id : *ids) {
                const MemberIndex member = graph.find(id);
                if (member == CompactGraph::kNobody) continue;
                taboo().add(member);
                if (ids == &viewer.hidden) scratch_->hidden.add(member);
            }
        }
        if (me_ == CompactGraph::kNobody) return;
        place_ = graph.place_of(me_);
        industry_ = graph.industry_of(me_);
        taboo().add(me_);
        for (const MemberIndex peer : graph.peers_of(me_)) {
            taboo().add(peer);
            if (!scratch_->hidden.has(peer) && !graph.hides_network(peer)) via().add(peer);
        }
    }

    std::vector<Suggestion> answer(std::size_t budget) {
        add_up(budget);
        std::vector<Candidate> chosen = choose_sharing();
        if (chosen.size() < limit_) fill(chosen);
        std::vector<Suggestion> out;
        out.reserve(chosen.size());
        std::vector<std::pair<std::size_t, Suggestion>> described;
        described.reserve(chosen.size());
        for (const Candidate& candidate : chosen) described.emplace_back(candidate.degree, describe(candidate));
        std::ranges::sort(described, [](const auto& a, const auto& b) {
            if (a.second.score != b.second.score) return a.second.score > b.second.score;
            return a.first != b.first ? a.first > b.first : a.second.id < b.second.id;
        });
        for (auto& [degree, suggestion] : described) out.push_back(std::move(suggestion));
        return out;
    }

private:
    Marks& taboo() { return scratch_->mine; }  // who is not suggested, opted-out ones apart
    Marks& via() { return scratch_->near; }    // connections whose connections count

    /// The shared score of all who share a connection.
    void add_up(std::size_t budget) {
        std::vector<MemberIndex> order;
        std::span<const MemberIndex> peers = via().members();
        std::size_t visits = 0;
        for (const MemberIndex peer : peers) visits += graph_.degree_of(peer);
        if (visits > budget) {
            order.assign(peers.begin(), peers.end());
            std::ranges::sort(order, [&](MemberIndex a, MemberIndex b) {
                if (graph_.degree_of(a) != graph_.degree_of(b)) return graph_.degree_of(a) < graph_.degree_of(b);
                return graph_.id_of(a) < graph_.id_of(b);
            });
            peers = order;
        }
        Tally& scores = scratch_->first;
        graph_.for_each_row(peers, [&](MemberIndex peer, std::span<const MemberIndex> row) {
            if (row.size() > budget) return false;
            budget -= row.size();
            const std::uint32_t score = graph_.score_of(peer);
            for (const MemberIndex member : row) scores.add(member, score);
            return true;
        });
    }

    std::vector<Candidate> choose_sharing() {
        Top<has_higher_score> top(limit_);
        const std::uint32_t most_by_attributes =
            (place_ != 0 ? kPlaceScore : 0) + (industry_ != 0 ? kIndustryScore : 0);
        std::uint32_t enough = 0;  // with less not even the attributes help
        scratch_->first.take_all([&](MemberIndex member, std::uint32_t score) {
            if (score < enough || taboo().has(member) || graph_.hides_network(member)) return;
            if (!top.is_full()) taboo().add(member);  // for fill(), which looks for others
            if (!graph_.is_suggestable(member)) return;
            top.add(candidate(member, score));
            if (top.is_full() && top.last().score > most_by_attributes) enough = top.last().score - most_by_attributes;
        });
        return top.all();
    }

    /// All who share a connection are in `chosen`, and there is room for others.
    void fill(std::vector<Candidate>& chosen) {
        const std::size_t room = limit_ - chosen.size();
        Top<has_more_connections> alike(room);
        Top<has_more_connections> others(room);
        const auto capacity = static_cast<MemberIndex>(graph_.capacity());
        for (MemberIndex member = 0; member < capacity; ++member) {
            const bool is_alike = is_same_place(member) || is_same_industry(member);
            auto& top = is_alike ? alike : others;
            if (!is_alike && alike.is_full()) continue;
            if (top.is_full() && graph_.degree_of(member) < top.last().degree) continue;
            if (!graph_.is_known(member) || !graph_.is_suggestable(member) || taboo().has(member)) continue;
            top.add(candidate(member, 0));
        }
        chosen.insert(chosen.end(), alike.all().begin(), alike.all().end());
        if (chosen.size() == limit_) return;
        std::vector<Candidate> rest = others.all();
        std::ranges::sort(rest, has_more_connections);
        rest.resize(std::min(rest.size(), limit_ - chosen.size()));
        chosen.insert(chosen.end(), rest.begin(), rest.end());
    }

    Suggestion describe(const Candidate& candidate) {
        Suggestion out;
        out.id = candidate.id;
        out.is_same_place = is_same_place(candidate.member);
        out.is_same_industry = is_same_industry(candidate.member);
        std::array<MemberIndex, Suggestion::kShownShared> best{};
        const auto is_better = [&](MemberIndex a, MemberIndex b) {
            if (graph_.score_of(a) != graph_.score_of(b)) return graph_.score_of(a) > graph_.score_of(b);
            return graph_.id_of(a) < graph_.id_of(b);
        };
        const auto add = [&](MemberIndex shared) {
            out.shared_score += graph_.score_of(shared);
            std::size_t at = std::min<std::size_t>(out.shared_count++, best.size());
            if (at == best.size() && !is_better(shared, best[--at])) return;
            for (; at > 0 && is_better(shared, best[at - 1]); --at) best[at] = best[at - 1];
            best[at] = shared;
        };
        if (!graph_.hides_network(candidate.member)) for_each_shared(candidate.member, add);
        for (std::size_t i = 0; i < std::min<std::size_t>(out.shared_count, best.size()); ++i)
            out.shared.push_back(graph_.id_of(best[i]));
        out.score = out.shared_score + attribute_score(candidate.member);
        return out;
    }

    template <class Visit>
    void for_each_shared(MemberIndex member, Visit visit) {
        const auto row = graph_.peers_of(member);
        if (row.size() / kSearchRatio <= via().members().size()) {
            for (const MemberIndex peer : row) {
                if (via().has(peer)) visit(peer);
            }
            return;
        }
        auto at = row.begin();
        for (const MemberIndex peer : via().members()) {
            at = std::ranges::lower_bound(at, row.end(), peer);
            if (at == row.end()) return;
            if (*at == peer) visit(peer);
        }
    }

    Candidate candidate(MemberIndex member, std::uint32_t shared_score) const {
        return {.member = member,
                .score = shared_score + attribute_score(member),
                .degree = static_cast<std::uint32_t>(graph_.degree_of(member)),
                .id = graph_.id_of(member)};
    }
    bool is_same_place(MemberIndex member) const { return place_ != 0 && graph_.place_of(member) == place_; }
    bool is_same_industry(MemberIndex member) const {
        return industry_ != 0 && graph_.industry_of(member) == industry_;
    }
    std::uint32_t attribute_score(MemberIndex member) const {
        return (is_same_place(member) ? kPlaceScore : 0) + (is_same_industry(member) ? kIndustryScore : 0);
    }

    const CompactGraph& graph_;
    const MemberIndex me_;
    const std::size_t limit_;
    std::uint32_t place_ = 0;
    std::uint32_t industry_ = 0;
    ScratchLease scratch_;
};

}  // namespace

std::vector<Suggestion> suggest_in(const CompactGraph& graph, const Viewer& viewer, const Ids& excluded,
                                   std::size_t limit, std::size_t budget) {
    limit = std::min(limit, Graph::kMostSuggestions);
    if (limit == 0) return {};
    return Suggesting(graph, viewer, excluded, limit).answer(budget);
}

std::size_t reach_of(const CompactGraph& graph, UserId member, std::size_t enough) {
    const MemberIndex at = graph.find(member);
    if (at == CompactGraph::kNobody) return 0;
    if (graph.degree_of(at) >= enough) return enough;
    std::size_t reach = 0;
    for (const MemberIndex peer : graph.peers_of(at)) {
        reach += graph.degree_of(peer);
        if (reach >= enough) return enough;
    }
    return reach;
}

std::size_t cost_of_suggest(const CompactGraph& graph, const Viewer& viewer, const Ids& excluded, std::size_t limit,
                            std::size_t enough) {
    // When few share a connection all members are looked at for others, one after the other, which is quicker than
    // visits.
    constexpr std::size_t kVisitsForEach = 50;
    constexpr std::size_t kMembersForAVisit = 4;
    const std::size_t reach = reach_of(graph, viewer.id, enough);
    const std::size_t members = reach < kVisitsForEach * limit ? graph.capacity() / kMembersForAVisit : 0;
    return std::min(enough, reach + members + excluded.size() + viewer.hidden.size());
}

}  // namespace guildhall::connection
