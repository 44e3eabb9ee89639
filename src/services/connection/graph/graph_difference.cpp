#include "services/connection/graph/graph_difference.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include "services/connection/connection.hpp"

namespace guildhall::connection {
namespace {

bool is_plain(const GraphEntry& entry) {
    return entry.peers.empty() && entry.member == GraphMember{entry.member.id, {}, {}};
}

void compare_peers(UserId user, const Ids& wanted, const Ids& has, ComparedPeers compared, GraphDifference& out) {
    const auto part = [user, compared](const Ids& ids) {
        return std::span<const UserId>(
            compared == ComparedPeers::all ? ids.begin() : std::ranges::upper_bound(ids, user), ids.end());
    };
    const auto add = [user, &out](UserId peer, bool is_connected) {
        const auto [low, high] = PairKey::of(user, peer);
        auto& edges = peer < user ? out.below : (is_connected ? out.missing : out.extra);
        edges.push_back({low, high, is_connected});
    };
    const auto a = part(wanted);
    const auto b = part(has);
    for (auto want = a.begin(), is = b.begin(); want != a.end() || is != b.end();) {
        if (is == b.end() || (want != a.end() && *want < *is)) {
            add(*want++, true);
        } else if (want == a.end() || *is < *want) {
            add(*is++, false);
        } else {
            ++want;
            ++is;
        }
    }
}

}  // namespace

GraphDifference difference_of(const std::vector<GraphEntry>& truth, const std::vector<GraphEntry>& graph,
                              ComparedPeers compared) {
    static const Ids kNone;
    GraphDifference out;
    auto is = graph.begin();
    const auto add_extra = [&out](const GraphEntry& entry) {
        (is_plain(entry) ? out.extra_plain_members : out.extra_members).push_back(entry.member.id);
    };
    for (const GraphEntry& want : truth) {
        for (; is != graph.end() && is->member.id < want.member.id; ++is) add_extra(*is);
        if (is == graph.end() || is->member.id != want.member.id) {
            (is_plain(want) ? out.plain_members : out.members).push_back(want.member);
            compare_peers(want.member.id, want.peers, kNone, ComparedPeers::all, out);
            continue;
        }
        if (is->member != want.member) out.members.push_back(want.member);
        compare_peers(want.member.id, want.peers, is->peers, compared, out);
        ++is;
    }
    for (; is != graph.end(); ++is) add_extra(*is);
    return out;
}

GraphDifference common_faults(const GraphDifference& a, const GraphDifference& b) {
    const auto id = [](const GraphMember& member) { return member.id; };
    const auto key = [](const GraphEdge& edge) { return PairKey{edge.low, edge.high}; };
    GraphDifference out;
    std::ranges::set_intersection(a.members, b.members, std::back_inserter(out.members), {}, id, id);
    std::ranges::set_intersection(a.extra_members, b.extra_members, std::back_inserter(out.extra_members));
    std::ranges::set_intersection(a.missing, b.missing, std::back_inserter(out.missing), {}, key, key);
    std::ranges::set_intersection(a.extra, b.extra, std::back_inserter(out.extra), {}, key, key);
    return out;
}

}  // namespace guildhall::connection
