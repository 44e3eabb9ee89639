#include "services/connection/connection_store.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "services/connection/stored_enum.hpp"

namespace guildhall::connection {
namespace {

// Pairs.

#define PAIR_COLUMNS                                                                    \
    "low_id, high_id, state, inviter_id, invitation_id, is_ignored, low_may_invite_at," \
    " high_may_invite_at, low_blocks, high_blocks, low_follow, high_follow"

// The update changes nothing: it takes the lock and, on PostgreSQL, waits for the transaction that holds it and then
// sees what that one wrote.
constexpr sql::Statement kLockOrInsertPair{
    "connection.lock_or_insert_pair",
    "INSERT INTO pairs (low_id, high_id, state) VALUES ($1, $2, 'none')"
    " ON CONFLICT (low_id, high_id) DO UPDATE SET state = pairs.state RETURNING " PAIR_COLUMNS};

constexpr sql::Statement kLockPair{
    "connection.lock_pair",
    "UPDATE pairs SET state = state WHERE low_id = $1 AND high_id = $2 RETURNING " PAIR_COLUMNS};

constexpr sql::Statement kUpdatePair{
    "connection.update_pair",
    "UPDATE pairs SET state = $3, inviter_id = $4, invitation_id = $5, is_ignored = $6, low_may_invite_at = $7,"
    " high_may_invite_at = $8, low_blocks = $9, high_blocks = $10, low_follow = $11, high_follow = $12"
    " WHERE low_id = $1 AND high_id = $2"};

// Two arms, so that each is a look-up in the primary key.
constexpr sql::Statement kListPairsAbove{
    "connection.list_pairs_above", "SELECT " PAIR_COLUMNS " FROM pairs WHERE low_id = $1 AND high_id IN ($2:ids)"};

constexpr sql::Statement kListPairsBelow{
    "connection.list_pairs_below", "SELECT " PAIR_COLUMNS " FROM pairs WHERE low_id IN ($2:ids) AND high_id = $1"};

#undef PAIR_COLUMNS

constexpr sql::Statement kListConnected{
    "connection.list_connected",
    "SELECT low_id, high_id FROM pairs WHERE low_id = $1 AND high_id IN ($2:ids) AND state = 'connected'"
    " ORDER BY high_id"};

Pair pair_of(sql::Row row) {
    return {.key = {row.id<UserId>(0), row.id<UserId>(1)},
            .state = enum_of<PairState>(row.text(2)),
            .inviter_id = row.id<UserId>(3),
            .invitation_id = row.id<InvitationId>(4),
            .is_ignored = row.number(5) != 0,
            .low_may_invite_at = row.time(6),
            .high_may_invite_at = row.time(7),
            .low_blocks = row.number(8) != 0,
            .high_blocks = row.number(9) != 0,
            .low_follow = enum_of<Follow>(row.text(10)),
            .high_follow = enum_of<Follow>(row.text(11))};
}

// Connections.

constexpr sql::Statement kInsertConnection{
    "connection.insert",
    "INSERT INTO connections (user_id, peer_id, connected_at, sort_name) VALUES ($1, $2, $3, $4), ($5, $6, $7, $8)"};

constexpr sql::Statement kRemoveConnection{
    "connection.remove",
    "DELETE FROM connections WHERE (user_id = $1 AND peer_id = $2) OR (user_id = $2 AND peer_id = $1)"};

// The last column: 1 for somebody who is followed without a connection, 0 for a connection who is not followed, NULL
// for a connection.
constexpr sql::Statement kListPeers{
    "connection.list_peers",
    "SELECT user_id, peer_id FROM connections WHERE user_id IN ($1:ids) ORDER BY user_id, peer_id"};

constexpr sql::Statement kListFollowed{"connection.list_followed",
                                       "SELECT user_id, peer_id, is_following FROM follows WHERE user_id IN ($1:ids)"
                                       " AND direction = 'following' ORDER BY user_id, peer_id"};

constexpr sql::Statement kFindCircle{
    "connection.find_circle",
    "SELECT user_id, peer_id, NULL FROM connections WHERE user_id = $1"
    " UNION ALL SELECT user_id, peer_id, is_following FROM follows WHERE user_id = $1 AND direction = 'following'"
    " ORDER BY 2"};

// Puts a member's rows together, in order of peers.
class CircleMaker {
public:
    void add(UserId peer, std::optional<std::int64_t> is_following) {
        if (!is_following) {
            connections_.push_back(peer);
        } else {
            (*is_following != 0 ? others_ : unfollowed_).push_back(peer);
        }
    }
    Circle circle() {
        auto connections = std::make_shared<const Ids>(std::move(connections_));
        if (others_.empty() && unfollowed_.empty()) return {connections, connections};
        Ids kept;
        std::ranges::set_difference(*connections, unfollowed_, std::back_inserter(kept));
        Ids followed;
        std::ranges::merge(kept, others_, std::back_inserter(followed));
        return {std::move(connections), std::make_shared<const Ids>(std::move(followed))};
    }

private:
    Ids connections_;
    Ids others_;
    Ids unfollowed_;
};

constexpr sql::Statement kListByTime{
    "connection.list_by_time",
    "SELECT peer_id, connected_at, sort_name FROM connections"
    " WHERE user_id = $1 AND (connected_at, peer_id) < ($2, $3) ORDER BY connected_at DESC, peer_id DESC LIMIT $4",
    sql::Freshness::replica_ok};

constexpr sql::Statement kListByName{
    "connection.list_by_name",
    "SELECT peer_id, connected_at, sort_name FROM connections"
    " WHERE user_id = $1 AND (sort_name, peer_id) > ($2, $3) ORDER BY sort_name, peer_id LIMIT $4",
    sql::Freshness::replica_ok};

// A search looks through one member's own connections, at most.
#define NAME_MATCHES                                                                     \
    " AND ' ' || sort_name LIKE $5 ESCAPE '\\' AND ' ' || sort_name LIKE $6 ESCAPE '\\'" \
    " AND ' ' || sort_name LIKE $7 ESCAPE '\\'"

constexpr sql::Statement kSearchByTime{"connection.search_by_time",
                                       "SELECT peer_id, connected_at, sort_name FROM connections"
                                       " WHERE user_id = $1 AND (connected_at, peer_id) < ($2, $3)" NAME_MATCHES
                                       " ORDER BY connected_at DESC, peer_id DESC LIMIT $4",
                                       sql::Freshness::replica_ok};

constexpr sql::Statement kSearchByName{"connection.search_by_name",
                                       "SELECT peer_id, connected_at, sort_name FROM connections"
                                       " WHERE user_id = $1 AND (sort_name, peer_id) > ($2, $3)" NAME_MATCHES
                                       " ORDER BY sort_name, peer_id LIMIT $4",
                                       sql::Freshness::replica_ok};

#undef NAME_MATCHES

// Weeks since Monday, 5 January 1970.
constexpr std::chrono::days kFirstMonday{4};
constexpr sql::Statement kListGrowth{
    "connection.list_growth",
    "SELECT (connected_at - $3) / $4, count(*) FROM connections WHERE user_id = $1 AND connected_at >= $2"
    " GROUP BY 1 ORDER BY 1",
    sql::Freshness::replica_ok};

// Copies of names.

constexpr sql::Statement kListStaleNames{
    "connection.list_stale_names",
    "SELECT user_id FROM connections WHERE user_id IN ($1:ids) AND peer_id = $2 AND sort_name <> $3"};

constexpr sql::Statement kRenamePeer{
    "connection.rename_peer", "UPDATE connections SET sort_name = $3 WHERE user_id IN ($1:ids) AND peer_id = $2"};

// Invitations.

constexpr sql::Statement kInsertInvitation{
    "connection.insert_invitation",
    "INSERT INTO invitations (user_id, id, direction, peer_id, state, note, created_at)"
    " VALUES ($1, $2, 'sent', $3, $4, $5, $6), ($3, $2, 'received', $1, $4, $5, $6)"};

constexpr sql::Statement kUpdateInvitation{"connection.update_invitation",
                                           "UPDATE invitations SET state = $3 WHERE user_id = $1 AND id = $2"};

constexpr sql::Statement kUpdateBothSides{
    "connection.update_both_sides",
    "UPDATE invitations SET state = $4 WHERE (user_id = $1 AND id = $3) OR (user_id = $2 AND id = $3)"};

constexpr sql::Statement kFindInvitation{
    "connection.find_invitation",
    "SELECT id, direction, peer_id, state, note, created_at FROM invitations WHERE user_id = $1 AND id = $2"};

constexpr sql::Statement kListPending{
    "connection.list_pending",
    "SELECT id, direction, peer_id, state, note, created_at FROM invitations"
    " WHERE user_id = $1 AND direction = $2 AND state = 'pending' AND id < $3 ORDER BY id DESC LIMIT $4",
    sql::Freshness::replica_ok};

constexpr sql::Statement kCountPending{
    "connection.count_pending",
    "SELECT count(*) FROM (SELECT 1 FROM invitations WHERE user_id = $1 AND direction = 'sent' AND state = 'pending'"
    " LIMIT $2) AS counted"};

InvitationRow invitation_of(sql::Row row) {
    return {.id = row.id<InvitationId>(0),
            .direction = enum_of<Direction>(row.text(1)),
            .peer_id = row.id<UserId>(2),
            .state = enum_of<InvitationState>(row.text(3)),
            .note = row.take_text(4),
            .created_at = row.time(5)};
}

constexpr std::int64_t kBehindAll = std::numeric_limits<std::int64_t>::max();

// Import. A statement for many rows at once, in a few sizes so that each stays prepared.

struct BulkStatement {
    std::size_t rows;
    std::string text;
    sql::Statement statement;

    BulkStatement(std::size_t count, const char* name, std::string_view before, std::span<const std::string_view> cells,
                  std::string_view behind)
        : rows(count), text(before) {
        std::size_t parameter = 0;
        for (std::size_t row = 0; row < count; ++row) {
            text += row == 0 ? "(" : ", (";
            for (std::size_t cell = 0; cell < cells.size(); ++cell) {
                if (cell > 0) text += ", ";
                text += cells[cell] == "$" ? "$" + std::to_string(++parameter) : std::string(cells[cell]);
            }
            text += ')';
        }
        text += behind;
        statement = {name, text.c_str()};
    }
    BulkStatement(const BulkStatement&) = delete;
};

constexpr std::array<std::string_view, 3> kStrangerCells{"$", "$", "'connected'"};
constexpr std::string_view kConnectStrangers = "INSERT INTO pairs (low_id, high_id, state) VALUES ";
constexpr std::string_view kOnlyStrangers =
    " ON CONFLICT (low_id, high_id) DO UPDATE SET state = excluded.state, low_may_invite_at = 0, high_may_invite_at = 0"
    " WHERE pairs.state = 'none' AND pairs.low_blocks = 0 AND pairs.high_blocks = 0 AND pairs.low_follow = 'implied'"
    " AND pairs.high_follow = 'implied' RETURNING low_id, high_id";

/// Largest first, the last for one row.
const std::array<BulkStatement, 3>& strangers_statements() {
    static const std::array<BulkStatement, 3> statements{
        BulkStatement{128, "connection.connect_strangers", kConnectStrangers, kStrangerCells, kOnlyStrangers},
        BulkStatement{16, "connection.connect_strangers", kConnectStrangers, kStrangerCells, kOnlyStrangers},
        BulkStatement{1, "connection.connect_strangers", kConnectStrangers, kStrangerCells, kOnlyStrangers}};
    return statements;
}

constexpr std::array<std::string_view, 4> kConnectionCells{"$", "$", "$", "$"};
constexpr std::string_view kInsertConnections =
    "INSERT INTO connections (user_id, peer_id, connected_at, sort_name) VALUES ";

const std::array<BulkStatement, 3>& connection_statements() {
    static const std::array<BulkStatement, 3> statements{
        BulkStatement{128, "connection.insert_bulk", kInsertConnections, kConnectionCells, ""},
        BulkStatement{16, "connection.insert_bulk", kInsertConnections, kConnectionCells, ""},
        BulkStatement{2, "connection.insert_bulk", kInsertConnections, kConnectionCells, ""}};
    return statements;
}

/// The largest statement that `rows` rows fill.
const BulkStatement& fitting(const std::array<BulkStatement, 3>& statements, std::size_t rows) {
    return *std::ranges::find_if(statements, [&](const BulkStatement& bulk) { return bulk.rows <= rows; });
}

constexpr sql::Statement kListAcquainted{
    "connection.list_acquainted",
    "SELECT low_id, high_id FROM pairs WHERE low_id IN ($1:ids) AND"
    " (state = 'invited' OR state = 'none' AND (low_follow <> 'implied' OR high_follow <> 'implied'))"};

}  // namespace

Task<Pair> ConnectionStore::lock_or_insert_pair(sql::Transaction& tx, PairKey key) {
    auto rows = co_await tx.query(kLockOrInsertPair, sql::params(key.low, key.high));
    co_return pair_of(rows[0]);
}

Task<std::optional<Pair>> ConnectionStore::lock_pair(sql::Transaction& tx, PairKey key) {
    auto rows = co_await tx.query(kLockPair, sql::params(key.low, key.high));
    if (rows.empty()) co_return std::nullopt;
    co_return pair_of(rows[0]);
}

Task<void> ConnectionStore::update_pair(sql::Transaction& tx, Pair pair) {
    co_await tx.execute(
        kUpdatePair,
        sql::params(pair.key.low, pair.key.high, json::name_of(pair.state), pair.inviter_id, pair.invitation_id,
                    pair.is_ignored, pair.low_may_invite_at, pair.high_may_invite_at, pair.low_blocks, pair.high_blocks,
                    json::name_of(pair.low_follow), json::name_of(pair.high_follow)));
}

Task<std::vector<Pair>> ConnectionStore::list_pairs(UserId user, std::vector<UserId> others) {
    sql::Ids above;
    sql::Ids below;
    for (const UserId other : others) (user < other ? above : below).push_back(other.value);
    // Not one statement with UNION ALL, of which Citus stores the intermediate results on all workers.
    std::vector<sql::BoundStatement> calls;
    if (!above.empty()) calls.push_back({&kListPairsAbove, sql::params(user, std::move(above))});
    if (!below.empty()) calls.push_back({&kListPairsBelow, sql::params(user, std::move(below))});
    auto answers = co_await database_.read_all(std::move(calls));
    std::vector<Pair> pairs;
    for (auto& rows : answers)
        for (auto row : rows) pairs.push_back(pair_of(row));
    co_return pairs;
}

Task<std::vector<PairKey>> ConnectionStore::list_connected(std::vector<PairKey> keys) {
    std::vector<sql::BoundStatement> calls;
    for (auto first = keys.begin(); first != keys.end();) {
        sql::Ids highs;
        const UserId low = first->low;
        for (; first != keys.end() && first->low == low; ++first) highs.push_back(first->high.value);
        calls.push_back({&kListConnected, sql::params(low, std::move(highs))});
    }
    std::vector<PairKey> connected;
    for (auto& rows : co_await database_.read_all(std::move(calls)))
        for (auto row : rows) connected.push_back({row.id<UserId>(0), row.id<UserId>(1)});
    co_return connected;
}

Task<void> ConnectionStore::insert_connection(sql::Transaction& tx, PairKey key, Time connected_at,
                                              std::string low_sort_name, std::string high_sort_name) {
    co_await tx.execute(kInsertConnection, sql::params(key.low, key.high, connected_at, std::move(high_sort_name),
                                                       key.high, key.low, connected_at, std::move(low_sort_name)));
}

Task<void> ConnectionStore::remove_connection(sql::Transaction& tx, PairKey key) {
    co_await tx.execute(kRemoveConnection, sql::params(key.low, key.high));
}

Task<Circle> ConnectionStore::find_circle(UserId user) {
    auto rows = co_await database_.read(kFindCircle, sql::params(user));
    CircleMaker maker;
    for (auto row : rows) maker.add(row.id<UserId>(1), row.optional_number(2));
    co_return maker.circle();
}

Task<std::vector<Circle>> ConnectionStore::list_circles(std::vector<UserId> users) {
    const sql::Ids ids = sql::ids_of(std::span<const UserId>(users));
    // Not one statement with UNION ALL: as in list_pairs().
    std::vector<sql::BoundStatement> calls{{&kListPeers, sql::params(ids)}, {&kListFollowed, sql::params(ids)}};
    auto answers = co_await database_.read_all(std::move(calls));
    std::unordered_map<UserId, CircleMaker> makers;
    for (auto row : answers[0]) makers[row.id<UserId>(0)].add(row.id<UserId>(1), std::nullopt);
    for (auto row : answers[1]) makers[row.id<UserId>(0)].add(row.id<UserId>(1), row.number(2));
    std::vector<Circle> circles;
    circles.reserve(users.size());
    for (const UserId user : users) circles.push_back(makers[user].circle());
    co_return circles;
}

Task<std::vector<ConnectionRow>> ConnectionStore::list_connections(UserId user, ConnectionSort sort,
                                                                   std::optional<NamePatterns> patterns,
                                                                   std::optional<ConnectionRow> after,
                                                                   std::size_t limit) {
    sql::Params params;
    if (sort == ConnectionSort::recent) {
        params = sql::params(user, after ? to_micros(after->connected_at) : kBehindAll,
                             after ? after->peer_id.value : kBehindAll, limit);
    } else {
        params = sql::params(user, after ? after->sort_name : std::string(), after ? after->peer_id.value : 0, limit);
    }
    const sql::Statement* statement = sort == ConnectionSort::recent ? &kListByTime : &kListByName;
    if (patterns) {
        statement = sort == ConnectionSort::recent ? &kSearchByTime : &kSearchByName;
        for (std::string& pattern : *patterns) params.emplace_back(std::move(pattern));
    }
    auto rows = co_await database_.read(*statement, std::move(params));
    std::vector<ConnectionRow> connections;
    connections.reserve(rows.size());
    for (auto row : rows) connections.push_back({row.id<UserId>(0), row.time(1), row.take_text(2)});
    co_return connections;
}

Task<std::vector<ConnectionStore::Growth>> ConnectionStore::list_growth(UserId user, Time since) {
    constexpr std::chrono::microseconds kWeek = std::chrono::weeks(1);
    constexpr std::chrono::microseconds kFirst = kFirstMonday;
    const Time monday = since - (to_micros(since) - kFirst.count()) % kWeek.count() * std::chrono::microseconds(1);
    auto rows = co_await database_.read(kListGrowth, sql::params(user, monday, kFirst.count(), kWeek.count()));
    std::vector<Growth> weeks;
    for (auto row : rows) weeks.push_back({from_micros(kFirst.count() + row.number(0) * kWeek.count()), row.number(1)});
    co_return weeks;
}

Task<std::vector<UserId>> ConnectionStore::list_stale_names(UserId peer, std::string sort_name,
                                                            std::vector<UserId> users) {
    auto rows = co_await database_.read(
        kListStaleNames, sql::params(sql::ids_of(std::span<const UserId>(users)), peer, std::move(sort_name)));
    std::vector<UserId> stale;
    for (auto row : rows) stale.push_back(row.id<UserId>(0));
    co_return stale;
}

Task<void> ConnectionStore::rename_peer(sql::Transaction& tx, UserId peer, std::string sort_name,
                                        std::vector<UserId> users) {
    co_await tx.execute(kRenamePeer,
                        sql::params(sql::ids_of(std::span<const UserId>(users)), peer, std::move(sort_name)));
}

Task<void> ConnectionStore::insert_invitation(sql::Transaction& tx, InvitationId id, UserId inviter, UserId invitee,
                                              InvitationState state, std::string note, Time created_at) {
    co_await tx.execute(kInsertInvitation,
                        sql::params(inviter, id, invitee, json::name_of(state), std::move(note), created_at));
}

Task<void> ConnectionStore::update_invitation(sql::Transaction& tx, UserId user, InvitationId id,
                                              InvitationState state) {
    co_await tx.execute(kUpdateInvitation, sql::params(user, id, json::name_of(state)));
}

Task<void> ConnectionStore::update_invitation(sql::Transaction& tx, PairKey key, InvitationId id,
                                              InvitationState state) {
    co_await tx.execute(kUpdateBothSides, sql::params(key.low, key.high, id, json::name_of(state)));
}

Task<std::optional<InvitationRow>> ConnectionStore::find_invitation(UserId user, InvitationId id) {
    auto rows = co_await database_.read(kFindInvitation, sql::params(user, id));
    if (rows.empty()) co_return std::nullopt;
    co_return invitation_of(rows[0]);
}

Task<std::optional<InvitationRow>> ConnectionStore::find_invitation(sql::Transaction& tx, UserId user,
                                                                    InvitationId id) {
    auto rows = co_await tx.query(kFindInvitation, sql::params(user, id));
    if (rows.empty()) co_return std::nullopt;
    co_return invitation_of(rows[0]);
}

Task<std::vector<InvitationRow>> ConnectionStore::list_pending(UserId user, Direction direction, InvitationId before,
                                                               std::size_t limit) {
    auto rows = co_await database_.read(kListPending, sql::params(user, json::name_of(direction), before, limit));
    std::vector<InvitationRow> invitations;
    invitations.reserve(rows.size());
    for (auto row : rows) invitations.push_back(invitation_of(row));
    co_return invitations;
}

Task<std::size_t> ConnectionStore::count_pending(sql::Transaction& tx, UserId inviter, std::size_t most) {
    auto rows = co_await tx.query(kCountPending, sql::params(inviter, most));
    co_return static_cast<std::size_t>(rows[0].number(0));
}

Task<std::vector<PairKey>> ConnectionStore::connect_strangers(sql::Transaction& tx, std::span<const PairKey> keys) {
    std::vector<PairKey> connected;
    connected.reserve(keys.size());
    while (!keys.empty()) {
        const BulkStatement& bulk = fitting(strangers_statements(), keys.size());
        sql::Params params;
        params.reserve(bulk.rows * 2);
        for (const PairKey& key : keys.first(bulk.rows)) {
            params.emplace_back(key.low.value);
            params.emplace_back(key.high.value);
        }
        keys = keys.subspan(bulk.rows);
        auto rows = co_await tx.query(bulk.statement, std::move(params));
        for (auto row : rows) connected.push_back({row.id<UserId>(0), row.id<UserId>(1)});
    }
    co_return connected;
}

Task<std::vector<PairKey>> ConnectionStore::list_acquainted(sql::Transaction& tx, std::span<const PairKey> keys) {
    sql::Ids low;
    for (const PairKey& key : keys) {
        if (low.empty() || low.back() != key.low.value) low.push_back(key.low.value);
    }
    auto rows = co_await tx.query(kListAcquainted, sql::params(std::move(low)));
    std::vector<PairKey> acquainted;
    for (auto row : rows) {
        const PairKey key{row.id<UserId>(0), row.id<UserId>(1)};
        if (std::ranges::binary_search(keys, key)) acquainted.push_back(key);
    }
    std::ranges::sort(acquainted);
    co_return acquainted;
}

Task<void> ConnectionStore::insert_connections(sql::Transaction& tx, std::span<const NewConnection> connections) {
    while (!connections.empty()) {
        const BulkStatement& bulk = fitting(connection_statements(), connections.size() * 2);
        sql::Params params;
        params.reserve(bulk.rows * kConnectionCells.size());
        for (const NewConnection& connection : connections.first(bulk.rows / 2)) {
            const auto add = [&](UserId user, UserId peer, const std::string& sort_name) {
                params.emplace_back(user.value);
                params.emplace_back(peer.value);
                params.emplace_back(to_micros(connection.connected_at));
                params.emplace_back(sort_name);
            };
            add(connection.key.low, connection.key.high, *connection.high_sort_name);
            add(connection.key.high, connection.key.low, *connection.low_sort_name);
        }
        connections = connections.subspan(bulk.rows / 2);
        co_await tx.execute(bulk.statement, std::move(params));
    }
}

}  // namespace guildhall::connection
