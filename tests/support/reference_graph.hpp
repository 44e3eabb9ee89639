#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "services/connection/graph/graph.hpp"

namespace guildhall::connection::test {

/// The graph as graph.hpp defines it, with maps and sets and regardless of speed. The engines are compared with it.
class ReferenceGraph {
public:
    void put_members(const std::vector<GraphMember>& members) {
        for (const auto& member : members) {
            members_[member.id] = member;
            peers_[member.id];
        }
    }
    void remove_members(const std::vector<UserId>& members) {
        for (const UserId id : members) {
            for (const UserId peer : peers_[id]) peers_[peer].erase(id);
            peers_.erase(id);
            members_.erase(id);
        }
    }
    void set_edges(const std::vector<GraphEdge>& edges) {
        for (const auto& edge : edges) {
            if (edge.low == edge.high) continue;
            if (edge.is_connected) {
                for (const UserId id : {edge.low, edge.high}) {
                    if (!members_.contains(id)) put_members({{.id = id, .place = {}, .industry = {}}});
                }
                peers_[edge.low].insert(edge.high);
                peers_[edge.high].insert(edge.low);
            } else if (members_.contains(edge.low) && members_.contains(edge.high)) {
                peers_[edge.low].erase(edge.high);
                peers_[edge.high].erase(edge.low);
            }
        }
    }
    std::vector<GraphEntry> list(UserId after, std::size_t limit) const {
        std::vector<GraphEntry> out;
        for (auto at = members_.upper_bound(after); at != members_.end() && out.size() < limit; ++at) {
            const auto& peers = peers_.at(at->first);
            out.push_back({at->second, Ids(peers.begin(), peers.end())});
        }
        return out;
    }

    const std::map<UserId, GraphMember>& members() const { return members_; }
    std::set<UserId> peers_of(UserId id) const {
        const auto at = peers_.find(id);
        return at == peers_.end() ? std::set<UserId>() : at->second;
    }
    /// The connections of `id` that the viewer may know.
    Ids known_peers(const Viewer& viewer, UserId id) const {
        Ids out;
        for (const UserId peer : peers_of(id)) {
            if (contains(viewer.hidden, peer)) continue;
            const bool is_own = id == viewer.id || peer == viewer.id;
            if (is_own || (!members_.at(id).hides_network && !members_.at(peer).hides_network)) out.push_back(peer);
        }
        return out;
    }

    std::vector<std::optional<int>> degrees(const Viewer& viewer, const std::vector<UserId>& members) const {
        const auto steps = steps_from(viewer);
        std::vector<std::optional<int>> out;
        for (const UserId id : members) {
            const auto at = steps.find(id);
            out.push_back(at == steps.end() ? std::nullopt : std::optional(at->second));
        }
        return out;
    }

    std::vector<Suggestion> suggest(const Viewer& viewer, const Ids& excluded, std::size_t limit) const {
        using Ranked = std::tuple<std::int64_t, std::int64_t, UserId>;  // lower is better in each
        std::map<Ranked, Suggestion> sharing;
        std::map<Ranked, Suggestion> alike;
        std::map<Ranked, Suggestion> others;
        for (const auto& [id, member] : members_) {
            if (id == viewer.id || peers_of(viewer.id).contains(id) || contains(excluded, id) ||
                contains(viewer.hidden, id) || !member.is_suggestable)
                continue;
            const auto suggestion = describe(viewer, member);
            const auto degree = -static_cast<std::int64_t>(peers_of(id).size());
            if (suggestion.shared_count > 0) {
                sharing[{-std::int64_t{suggestion.score}, degree, id}] = suggestion;
            } else {
                (suggestion.is_same_place || suggestion.is_same_industry ? alike : others)[{0, degree, id}] =
                    suggestion;
            }
        }
        std::map<Ranked, Suggestion> chosen;
        for (const auto* from : {&sharing, &alike, &others}) {
            for (const auto& [rank, suggestion] : *from) {
                if (chosen.size() < limit)
                    chosen[{-std::int64_t{suggestion.score}, std::get<1>(rank), suggestion.id}] = suggestion;
            }
        }
        std::vector<Suggestion> out;
        for (const auto& [rank, suggestion] : chosen) out.push_back(suggestion);
        return out;
    }

    std::vector<Path> paths(const Viewer& viewer, UserId target, std::size_t limit, int max_hops) const {
        std::vector<Path> all;
        if (target == viewer.id || contains(viewer.hidden, target)) return all;
        Ids members{viewer.id};
        extend(viewer, target, max_hops, members, all);
        std::ranges::sort(all, [](const Path& a, const Path& b) {
            if (a.members.size() != b.members.size()) return a.members.size() < b.members.size();
            return a.score != b.score ? a.score > b.score : a.members < b.members;
        });
        if (all.size() > limit) all.resize(limit);
        return all;
    }

    NetworkSize network_size(const Viewer& viewer) const {
        std::array<std::size_t, 4> counts{};
        for (const auto& [id, steps] : steps_from(viewer)) ++counts[static_cast<std::size_t>(steps)];
        return {.first = counts[1], .second = counts[2], .third = counts[3]};
    }

private:
    std::map<UserId, int> steps_from(const Viewer& viewer) const {
        std::map<UserId, int> steps{{viewer.id, 0}};
        Ids last{viewer.id};
        for (int step = 1; step <= 3; ++step) {
            Ids found;
            for (const UserId id : last) {
                for (const UserId peer : known_peers(viewer, id)) {
                    if (steps.emplace(peer, step).second) found.push_back(peer);
                }
            }
            last = found;
        }
        return steps;
    }

    Suggestion describe(const Viewer& viewer, const GraphMember& member) const {
        Suggestion out;
        out.id = member.id;
        std::set<std::pair<std::int64_t, UserId>> shared;
        for (const UserId id : known_peers(viewer, viewer.id)) {
            if (!contains(known_peers(viewer, id), member.id)) continue;
            const auto score = shared_connection_score(peers_of(id).size());
            shared.insert({-std::int64_t{score}, id});
            out.shared_score += score;
            ++out.shared_count;
        }
        for (const auto& [score, id] : shared) {
            if (out.shared.size() < Suggestion::kShownShared) out.shared.push_back(id);
        }
        if (const auto me = members_.find(viewer.id); me != members_.end()) {
            out.is_same_place = !member.place.empty() && member.place == me->second.place;
            out.is_same_industry = !member.industry.empty() && member.industry == me->second.industry;
        }
        out.score =
            out.shared_score + (out.is_same_place ? kPlaceScore : 0) + (out.is_same_industry ? kIndustryScore : 0);
        return out;
    }

    void extend(const Viewer& viewer, UserId target, int hops, Ids& members, std::vector<Path>& all) const {
        if (hops == 0) return;
        for (const UserId peer : known_peers(viewer, members.back())) {
            if (std::ranges::find(members, peer) != members.end()) continue;
            members.push_back(peer);
            if (peer == target) {
                Path path;
                path.members = members;
                for (std::size_t i = 1; i + 1 < members.size(); ++i)
                    path.score += shared_connection_score(peers_of(members[i]).size());
                all.push_back(std::move(path));
            } else {
                extend(viewer, target, hops - 1, members, all);
            }
            members.pop_back();
        }
    }

    std::map<UserId, GraphMember> members_;
    std::map<UserId, std::set<UserId>> peers_;
};

}  // namespace guildhall::connection::test
