#include "services/connection/graph_keeper.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "platform/async/task_group.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"
#include "services/connection/sort_name.hpp"

namespace guildhall::connection {
namespace {

constexpr std::size_t kMembersInPage = 200;
constexpr std::size_t kSidesInPage = 500;
constexpr std::chrono::seconds kCheckLease{30};
constexpr std::chrono::milliseconds kLookEvery{200};
constexpr UserId kLast{std::numeric_limits<std::int64_t>::max()};

/// Fewer than an answer of the graph can hold, and enough that a page is seldom asked for twice.
constexpr std::size_t kEntriesInAnswer = 100;

GraphMember member_of(const Member& member) {
    return {member.id, member.place, member.industry, member.hides_connections, member.is_suggestable};
}

/// What has to change for a range of members. Of an edge the lower member's side counts.
struct Difference {
    std::vector<GraphMember> members;
    std::vector<UserId> extra_members;
    std::vector<GraphEdge> missing;
    std::vector<GraphEdge> extra;
};

void compare_peers(UserId user, const Ids& wanted, const Ids& has, Difference& out) {
    const auto above = [user](const Ids& ids) {
        return std::span<const UserId>(std::ranges::upper_bound(ids, user), ids.end());
    };
    const auto a = above(wanted);
    const auto b = above(has);
    for (auto want = a.begin(), is = b.begin(); want != a.end() || is != b.end();) {
        if (is == b.end() || (want != a.end() && *want < *is)) {
            out.missing.push_back({user, *want++, true});
        } else if (want == a.end() || *is < *want) {
            out.extra.push_back({user, *is++, false});
        } else {
            ++want;
            ++is;
        }
    }
}

Difference difference_of(const std::vector<GraphEntry>& truth, const std::vector<GraphEntry>& graph) {
    static const Ids kNone;
    Difference out;
    auto is = graph.begin();
    for (const GraphEntry& want : truth) {
        for (; is != graph.end() && is->member.id < want.member.id; ++is) out.extra_members.push_back(is->member.id);
        const bool is_there = is != graph.end() && is->member.id == want.member.id;
        if (!is_there || is->member != want.member) out.members.push_back(want.member);
        compare_peers(want.member.id, want.peers, is_there ? is->peers : kNone, out);
        if (is_there) ++is;
    }
    for (; is != graph.end(); ++is) out.extra_members.push_back(is->member.id);
    return out;
}

template <class T, class Send>
Task<void> in_batches(std::vector<T> all, Send send) {
    for (std::size_t start = 0; start < all.size(); start += Graph::kMostChanges) {
        const auto end = std::min(start + Graph::kMostChanges, all.size());
        co_await send(std::vector<T>(all.begin() + static_cast<std::ptrdiff_t>(start),
                                     all.begin() + static_cast<std::ptrdiff_t>(end)));
    }
}

Task<void> apply(Graph& graph, Difference difference) {
    const auto put = [&](std::vector<GraphMember> batch) { return graph.put_members(std::move(batch)); };
    const auto remove = [&](std::vector<UserId> batch) { return graph.remove_members(std::move(batch)); };
    const auto set = [&](std::vector<GraphEdge> batch) { return graph.set_edges(std::move(batch)); };
    co_await in_batches(std::move(difference.members), put);
    co_await in_batches(std::move(difference.extra_members), remove);
    co_await in_batches(std::move(difference.extra), set);
    co_await in_batches(std::move(difference.missing), set);
}

/// The graph's members behind `after` up to `upto`.
Task<std::vector<GraphEntry>> list_graph(Graph& graph, UserId after, UserId upto) {
    std::vector<GraphEntry> found;
    for (;;) {
        std::vector<GraphEntry> some = co_await graph.list(after, kEntriesInAnswer);
        const bool is_end = some.size() < kEntriesInAnswer || some.back().member.id > upto;
        if (!some.empty()) after = some.back().member.id;
        for (GraphEntry& entry : some)
            if (entry.member.id <= upto) found.push_back(std::move(entry));
        if (is_end) co_return found;
    }
}

}  // namespace

Task<void> GraphKeeper::refresh(std::vector<PairKey> keys) {
    std::ranges::sort(keys);
    const auto doubles = std::ranges::unique(keys);
    keys.erase(doubles.begin(), doubles.end());
    const std::vector<PairKey> connected = co_await parts_.connections.list_connected(keys);
    std::vector<GraphEdge> edges;
    edges.reserve(keys.size());
    for (const PairKey& key : keys)
        edges.push_back({key.low, key.high, std::ranges::binary_search(connected, key)});
    const auto set = [&](std::vector<GraphEdge> batch) { return parts_.graph.set_edges(std::move(batch)); };
    co_await in_batches(std::move(edges), set);
}

Task<void> GraphKeeper::refresh(UserId member) {
    const auto members = co_await parts_.members.list_members({member});
    if (!members.empty()) co_await parts_.graph.put_members({member_of(members.front())});
}

Task<void> GraphKeeper::maintain() {
    if (parts_.own && !is_compared_) {
        const GraphReport report = co_await compare(true);
        if (is_stopping_) co_return;
        is_compared_ = true;
        parts_.own->set_ready();
        spdlog::info("the social graph holds {} members and {} connections", report.members, report.connections);
    }
    const Time now = parts_.clock.now();
    const auto asked = co_await parts_.checks.take(now, now + kCheckLease);
    if (!asked) co_return;
    holds_check_ = true;
    kept_at_ = now;
    const GraphReport report = co_await compare(asked->repairs);
    holds_check_ = false;
    if (!is_stopping_) co_await parts_.checks.finish(asked->asked_at, json::to_json(report));
}

Task<GraphReport> GraphKeeper::compare(bool repairs) {
    GraphReport report;
    report.repaired = repairs;
    co_await compare_sides(report, repairs);
    for (UserId after; !is_stopping_;) {
        const std::vector<GraphEntry> truth = co_await parts_.checks.list_truth(after, kMembersInPage);
        const bool is_end = truth.size() < kMembersInPage;
        const UserId upto = is_end ? kLast : truth.back().member.id;
        co_await compare_page(after, upto, truth, report, repairs);
        if (is_end) break;
        after = upto;
        co_await breathe();
    }
    co_return report;
}

/// What is read of the tables may be old when it is written: reads them again afterwards, until nothing has changed meanwhile. What changes later has an event
/// that comes later.
Task<void> GraphKeeper::compare_page(UserId after, UserId upto, const std::vector<GraphEntry>& truth,
                                     GraphReport& report, bool repairs) {
    Difference difference = difference_of(truth, co_await list_graph(parts_.graph, after, upto));
    report.members += static_cast<std::int64_t>(truth.size());
    for (const GraphEntry& entry : truth)
        report.connections += entry.peers.end() - std::ranges::upper_bound(entry.peers, entry.member.id);
    report.stale_members += static_cast<std::int64_t>(difference.members.size());
    report.extra_members += static_cast<std::int64_t>(difference.extra_members.size());
    report.missing_connections += static_cast<std::int64_t>(difference.missing.size());
    report.extra_connections += static_cast<std::int64_t>(difference.extra.size());
    if (!repairs) co_return;
    std::vector<GraphEntry> before = truth;
    const auto is_empty = [](const Difference& d) {
        return d.members.empty() && d.extra_members.empty() && d.missing.empty() && d.extra.empty();
    };
    while (!is_empty(difference) && !is_stopping_) {
        co_await apply(parts_.graph, std::move(difference));
        std::vector<GraphEntry> now = co_await parts_.checks.list_truth(after, kMembersInPage);
        // With newcomers a page ends earlier; of those behind it their events tell.
        if (now.size() >= kMembersInPage) upto = std::min(upto, now.back().member.id);
        std::erase_if(now, [upto](const GraphEntry& entry) { return entry.member.id > upto; });
        if (now == before) co_return;
        difference = difference_of(now, co_await list_graph(parts_.graph, after, upto));
        before = std::move(now);
    }
}

Task<void> GraphKeeper::compare_sides(GraphReport& report, bool repairs) {
    GraphCheckStore::OneSided last;
    while (!is_stopping_) {
        const auto sides = co_await parts_.checks.list_one_sided(last.user_id, last.peer_id, kSidesInPage);
        report.one_sided_connections += static_cast<std::int64_t>(sides.size());
        for (const auto& side : sides)
            if (repairs) co_await repair_side(side);
        if (sides.size() < kSidesInPage) co_return;
        last = sides.back();
        co_await breathe();
    }
}

/// The pair says what holds.
Task<void> GraphKeeper::repair_side(GraphCheckStore::OneSided side) {
    const auto cards = co_await parts_.directory.cards({side.user_id});
    const std::string name = cards[0] ? sort_name(cards[0]->name) : std::string();
    auto repair = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const auto pair = co_await parts_.connections.lock_pair(tx, PairKey::of(side.user_id, side.peer_id));
        if (pair && pair->state == PairState::connected) {
            co_await parts_.checks.insert_side(tx, side.peer_id, side.user_id, side.connected_at, name);
        } else {
            co_await parts_.checks.remove_side(tx, side.user_id, side.peer_id);
        }
        co_return Result<void>{};
    };
    auto repaired = co_await parts_.connections.database().transact<void>(repair);
    if (!repaired) throw Corrupt("connection: the repair of a connection was refused");
}

/// Keeps what was taken.
Task<void> GraphKeeper::breathe() {
    const Time now = parts_.clock.now();
    if (!holds_check_ || now < kept_at_ + kCheckLease / 3) co_return;
    kept_at_ = now;
    co_await parts_.checks.keep(now + kCheckLease);
}

Task<GraphReport> ask_for_comparison(GraphCheckStore& checks, const Clock& clock, bool repairs,
                                     std::chrono::seconds patience) {
    const Time asked_at = clock.now();
    co_await checks.ask(asked_at, repairs);
    for (Time end = asked_at + patience; clock.now() < end;) {
        const GraphCheckState state = co_await checks.find_state();
        if (state.done_at >= asked_at) co_return json::read_trusted<GraphReport>(state.report);
        co_await sleep_for(kLookEvery);
    }
    throw Unavailable("no process of the connection service has compared the graph; does one run?");
}

}  // namespace guildhall::connection
