#include "services/connection/graph/graph_check_store.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace guildhall::connection {
namespace {

constexpr sql::Statement kPageTraits{
    "graph_check.page_traits",
    "SELECT user_id, place, industry, hides_connections, is_suggestable FROM members WHERE user_id > $1"
    " AND user_id <= $2 ORDER BY user_id LIMIT $3"};

constexpr sql::Statement kListBetween{"graph_check.list_between",
                                      "SELECT user_id, peer_id FROM connections WHERE user_id > $1 AND user_id <= $2"
                                      " ORDER BY user_id, peer_id LIMIT $3"};

constexpr sql::Statement kListOtherSides{
    "graph_check.list_other_sides",
    "SELECT user_id, peer_id FROM connections WHERE user_id IN ($1:ids) AND peer_id >= $2 AND peer_id <= $3"};

constexpr sql::Statement kFindSide{"graph_check.find_side",
                                   "SELECT connected_at FROM connections WHERE user_id = $1 AND peer_id = $2"};

constexpr sql::Statement kRemoveSide{"graph_check.remove_side",
                                     "DELETE FROM connections WHERE user_id = $1 AND peer_id = $2"};

constexpr sql::Statement kInsertSide{
    "graph_check.insert_side",
    "INSERT INTO connections (user_id, peer_id, connected_at, sort_name) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (user_id, peer_id) DO NOTHING"};

constexpr sql::Statement kFindState{
    "graph_check.find_state", "SELECT asked_at, repairs, done_at, report, taken_until FROM graph_checks WHERE id = 1"};

// Later than every one before, whatever the clock says; what waits and repairs goes on to.
constexpr sql::Statement kAsk{
    "graph_check.ask",
    "UPDATE graph_checks SET"
    " asked_at = CASE WHEN $1 > asked_at AND $1 > done_at THEN $1 WHEN asked_at > done_at THEN asked_at + 1"
    " ELSE done_at + 1 END,"
    " repairs = CASE WHEN asked_at > done_at AND repairs > $2 THEN repairs ELSE $2 END"
    " WHERE id = 1 RETURNING asked_at"};

constexpr sql::Statement kTake{"graph_check.take",
                               "UPDATE graph_checks SET taken_by = $3, taken_until = $2 WHERE id = 1"
                               " AND done_at < asked_at AND taken_until <= $1"
                               " RETURNING asked_at, repairs, done_at, report, taken_until"};

constexpr sql::Statement kKeep{"graph_check.keep",
                               "UPDATE graph_checks SET taken_until = $2 WHERE id = 1 AND taken_by = $1 RETURNING id"};

constexpr sql::Statement kRelease{"graph_check.release",
                                  "UPDATE graph_checks SET taken_by = 0, taken_until = 0 WHERE id = 1 AND taken_by = $1"
                                  " RETURNING id"};

constexpr sql::Statement kFinish{"graph_check.finish",
                                 "UPDATE graph_checks SET taken_by = 0, taken_until = 0, done_at = $2, report = $3"
                                 " WHERE id = 1 AND taken_by = $1 RETURNING id"};

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

GraphCheckState state_of(sql::Row row) {
    return {row.time(0), row.number(1) != 0, row.time(2), row.take_text(3), row.time(4)};
}

}  // namespace

Task<GraphPage> GraphCheckStore::list_truth(UserId after, UserId upto, GraphPage::Bounds most) {
    auto members = co_await database_.read(kPageTraits, sql::params(after, upto, most.members));
    if (members.size() == most.members) upto = members[members.size() - 1].id<UserId>(0);
    auto connections = co_await database_.read(kListBetween, sql::params(after, upto, most.connections));
    if (!connections.empty() && connections.size() == most.connections) {
        // The last one's connections may be cut off: that one is of the next page, or has this one alone.
        const auto cut = connections[connections.size() - 1].id<UserId>(0);
        if (connections[0].id<UserId>(0) == cut) {
            upto = cut;
            connections = co_await database_.read(kListBetween, sql::params(UserId{cut.value - 1}, cut, kAll));
        } else {
            upto = UserId{cut.value - 1};
        }
    }

    GraphPage page{{}, upto};
    for (auto row : members) {
        if (row.id<UserId>(0) > upto) break;
        page.entries.push_back(
            {{row.id<UserId>(0), row.take_text(1), row.take_text(2), row.number(3) != 0, row.number(4) != 0}, {}});
    }
    // Who has no row of their own is a member all the same.
    std::vector<GraphEntry> unknown;
    auto at = page.entries.begin();
    for (auto row : connections) {
        const auto user = row.id<UserId>(0);
        if (user > upto) break;
        while (at != page.entries.end() && at->member.id < user) ++at;
        if (at != page.entries.end() && at->member.id == user) {
            at->peers.push_back(row.id<UserId>(1));
            continue;
        }
        if (unknown.empty() || unknown.back().member.id != user) unknown.push_back({GraphMember{user, {}, {}}, {}});
        unknown.back().peers.push_back(row.id<UserId>(1));
    }
    if (unknown.empty()) co_return page;
    std::ranges::move(unknown, std::back_inserter(page.entries));
    std::ranges::sort(page.entries, {}, [](const GraphEntry& entry) { return entry.member.id; });
    co_return page;
}

Task<std::vector<GraphCheckStore::OneSided>> GraphCheckStore::list_one_sided(const std::vector<GraphEntry>& page) {
    sql::Ids peers;
    for (const GraphEntry& entry : page)
        for (const UserId peer : entry.peers) peers.push_back(peer.value);
    std::ranges::sort(peers);
    peers.erase(std::ranges::unique(peers).begin(), peers.end());
    if (peers.empty()) co_return std::vector<OneSided>{};
    auto others = co_await database_.read(kListOtherSides,
                                          sql::params(std::move(peers), page.front().member.id, page.back().member.id));
    std::vector<std::pair<UserId, UserId>> sides;  // the member of the page first
    sides.reserve(others.size());
    for (auto row : others) sides.emplace_back(row.id<UserId>(1), row.id<UserId>(0));
    std::ranges::sort(sides);

    std::vector<OneSided> found;
    for (const GraphEntry& entry : page) {
        for (const UserId peer : entry.peers) {
            if (std::ranges::binary_search(sides, std::pair(entry.member.id, peer))) continue;
            // The two may have parted since the page was read; then both rows are gone.
            auto still = co_await database_.read(kFindSide, sql::params(entry.member.id, peer));
            if (!still.empty()) found.push_back({entry.member.id, peer, still[0].time(0)});
        }
    }
    co_return found;
}

Task<void> GraphCheckStore::remove_side(sql::Transaction& tx, UserId user, UserId peer) {
    co_await tx.execute(kRemoveSide, sql::params(user, peer));
}

Task<void> GraphCheckStore::insert_side(sql::Transaction& tx, UserId user, UserId peer, Time connected_at,
                                        std::string sort_name) {
    co_await tx.execute(kInsertSide, sql::params(user, peer, connected_at, std::move(sort_name)));
}

Task<GraphCheckState> GraphCheckStore::find_state() {
    auto rows = co_await database_.read(kFindState, {});
    co_return state_of(rows[0]);
}

Task<Time> GraphCheckStore::ask(Time now, bool repairs) {
    auto rows = co_await change({&kAsk, sql::params(now, repairs)});
    co_return rows[0].time(0);
}

Task<std::optional<GraphCheckState>> GraphCheckStore::take(Time now, Time until, std::int64_t taker) {
    const GraphCheckState state = co_await find_state();
    if (state.done_at >= state.asked_at) co_return std::nullopt;
    auto rows = co_await change({&kTake, sql::params(now, until, taker)});
    if (rows.empty()) co_return std::nullopt;
    co_return state_of(rows[0]);
}

Task<bool> GraphCheckStore::renew(std::int64_t taker, Time until) {
    const auto rows = co_await change({&kKeep, sql::params(taker, until)});
    co_return !rows.empty();
}

Task<void> GraphCheckStore::release(std::int64_t taker) { co_await change({&kRelease, sql::params(taker)}); }

Task<bool> GraphCheckStore::finish(std::int64_t taker, Time asked_at, std::string report) {
    const auto rows = co_await change({&kFinish, sql::params(taker, asked_at, std::move(report))});
    co_return !rows.empty();
}

Task<sql::Rows> GraphCheckStore::change(sql::BoundStatement call) {
    auto work = [&](sql::Transaction& tx) -> Task<Result<sql::Rows>> {
        co_return co_await tx.query(*call.statement, call.params);
    };
    auto changed = co_await database_.transact<sql::Rows>(work);
    if (!changed) throw Corrupt("connection: a graph check was refused");
    co_return std::move(*changed);
}

}  // namespace guildhall::connection
