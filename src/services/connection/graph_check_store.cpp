#include "services/connection/graph_check_store.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace guildhall::connection {
namespace {

constexpr sql::Statement kPageTraits{
    "graph_check.page_traits",
    "SELECT user_id, place, industry, hides_connections, is_suggestable FROM members WHERE user_id > $1"
    " ORDER BY user_id LIMIT $2"};

constexpr sql::Statement kListBetween{"graph_check.list_between",
                                      "SELECT user_id, peer_id FROM connections WHERE user_id > $1 AND user_id <= $2"
                                      " ORDER BY user_id, peer_id"};

constexpr sql::Statement kListOneSided{
    "graph_check.list_one_sided",
    "SELECT user_id, peer_id, connected_at FROM connections WHERE (user_id, peer_id) > ($1, $2) AND NOT EXISTS"
    " (SELECT 1 FROM connections AS other WHERE other.user_id = connections.peer_id"
    " AND other.peer_id = connections.user_id) ORDER BY user_id, peer_id LIMIT $3"};

constexpr sql::Statement kRemoveSide{"graph_check.remove_side",
                                     "DELETE FROM connections WHERE user_id = $1 AND peer_id = $2"};

constexpr sql::Statement kInsertSide{
    "graph_check.insert_side",
    "INSERT INTO connections (user_id, peer_id, connected_at, sort_name) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (user_id, peer_id) DO NOTHING"};

constexpr sql::Statement kFindState{"graph_check.find_state",
                                    "SELECT asked_at, repairs, done_at, report FROM graph_checks WHERE id = 1"};

constexpr sql::Statement kAsk{"graph_check.ask", "UPDATE graph_checks SET asked_at = $1, repairs = $2 WHERE id = 1"};

constexpr sql::Statement kTake{"graph_check.take",
                               "UPDATE graph_checks SET taken_until = $2 WHERE id = 1 AND done_at < asked_at"
                               " AND taken_until <= $1 RETURNING asked_at, repairs, done_at, report"};

constexpr sql::Statement kKeep{"graph_check.keep", "UPDATE graph_checks SET taken_until = $1 WHERE id = 1"};

constexpr sql::Statement kFinish{"graph_check.finish",
                                 "UPDATE graph_checks SET taken_until = 0, done_at = $1, report = $2 WHERE id = 1"};

GraphCheckState state_of(sql::Row row) { return {row.time(0), row.number(1) != 0, row.time(2), row.take_text(3)}; }

}  // namespace

Task<std::vector<GraphEntry>> GraphCheckStore::list_truth(UserId after, std::size_t limit) {
    auto members = co_await database_.read(kPageTraits, sql::params(after, limit));
    const bool is_end = members.size() < limit;
    const std::int64_t upto = is_end ? std::numeric_limits<std::int64_t>::max() : members[members.size() - 1].number(0);
    auto connections = co_await database_.read(kListBetween, sql::params(after, upto));

    std::vector<GraphEntry> entries;
    entries.reserve(members.size());
    for (auto row : members)
        entries.push_back(
            {{row.id<UserId>(0), row.take_text(1), row.take_text(2), row.number(3) != 0, row.number(4) != 0}, {}});
    // Who has no row of their own is a member all the same.
    std::vector<GraphEntry> unknown;
    auto at = entries.begin();
    for (auto row : connections) {
        const auto user = row.id<UserId>(0);
        while (at != entries.end() && at->member.id < user) ++at;
        if (at != entries.end() && at->member.id == user) {
            at->peers.push_back(row.id<UserId>(1));
            continue;
        }
        if (unknown.empty() || unknown.back().member.id != user) unknown.push_back({GraphMember{user, {}, {}}, {}});
        unknown.back().peers.push_back(row.id<UserId>(1));
    }
    if (unknown.empty()) co_return entries;
    std::ranges::move(unknown, std::back_inserter(entries));
    std::ranges::sort(entries, {}, [](const GraphEntry& entry) { return entry.member.id; });
    co_return entries;
}

Task<std::vector<GraphCheckStore::OneSided>> GraphCheckStore::list_one_sided(UserId user, UserId peer,
                                                                             std::size_t limit) {
    auto rows = co_await database_.read(kListOneSided, sql::params(user, peer, limit));
    std::vector<OneSided> found;
    for (auto row : rows) found.push_back({row.id<UserId>(0), row.id<UserId>(1), row.time(2)});
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

Task<void> GraphCheckStore::ask(Time now, bool repairs) { return change({&kAsk, sql::params(now, repairs)}); }

Task<std::optional<GraphCheckState>> GraphCheckStore::take(Time now, Time until) {
    const GraphCheckState state = co_await find_state();
    if (state.done_at >= state.asked_at) co_return std::nullopt;
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::optional<GraphCheckState>>> {
        auto rows = co_await tx.query(kTake, sql::params(now, until));
        if (rows.empty()) co_return std::optional<GraphCheckState>();
        co_return std::optional<GraphCheckState>(state_of(rows[0]));
    };
    auto taken = co_await database_.transact<std::optional<GraphCheckState>>(work);
    co_return taken.value();
}

Task<void> GraphCheckStore::keep(Time until) { return change({&kKeep, sql::params(until)}); }

Task<void> GraphCheckStore::finish(Time asked_at, std::string report) {
    return change({&kFinish, sql::params(asked_at, std::move(report))});
}

Task<void> GraphCheckStore::change(sql::Call call) {
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await tx.execute(*call.statement, call.params);
        co_return Result<void>{};
    };
    auto changed = co_await database_.transact<void>(work);
    if (!changed) throw Corrupt("connection: a graph check was refused");
}

}  // namespace guildhall::connection
