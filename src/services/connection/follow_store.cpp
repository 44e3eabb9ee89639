#include "services/connection/follow_store.hpp"

#include "platform/json/describe.hpp"

namespace guildhall::connection {
namespace {

constexpr sql::Statement kPut{
    "connection.put_follow",
    "INSERT INTO follows (user_id, direction, peer_id, is_following) VALUES ($1, 'following', $2, $3),"
    " ($2, 'followers', $1, $3)"
    " ON CONFLICT (user_id, direction, peer_id) DO UPDATE SET is_following = excluded.is_following"};

constexpr sql::Statement kRemove{"connection.remove_follow",
                                 "DELETE FROM follows WHERE (user_id = $1 AND direction = 'following' AND peer_id = $2)"
                                 " OR (user_id = $2 AND direction = 'followers' AND peer_id = $1)"};

constexpr sql::Statement kCount{
    "connection.count_follows",
    "SELECT count(*) FROM (SELECT 1 FROM follows WHERE user_id = $1 AND direction = 'following' LIMIT $2) AS counted"};

// A row of somebody who is connected says that the connection is not followed, or does not follow.
constexpr sql::Statement kListFollows{
    "connection.list_follows",
    "SELECT peer_id FROM connections WHERE user_id = $1 AND peer_id > $3 AND NOT EXISTS"
    " (SELECT 1 FROM follows WHERE user_id = $1 AND direction = $2 AND follows.peer_id = connections.peer_id)"
    " UNION ALL SELECT peer_id FROM follows WHERE user_id = $1 AND direction = $2 AND is_following = 1 AND peer_id > $3"
    " ORDER BY peer_id LIMIT $4",
    sql::Freshness::replica_ok};

}  // namespace

Task<void> FollowStore::put(sql::Transaction& tx, UserId follower, UserId followed, Follow follow) {
    co_await tx.execute(kPut, sql::params(follower, followed, follow == Follow::followed));
}

Task<void> FollowStore::remove(sql::Transaction& tx, UserId follower, UserId followed) {
    co_await tx.execute(kRemove, sql::params(follower, followed));
}

Task<std::size_t> FollowStore::count(sql::Transaction& tx, UserId follower, std::size_t most) {
    auto rows = co_await tx.query(kCount, sql::params(follower, most));
    co_return static_cast<std::size_t>(rows[0].number(0));
}

Task<Ids> FollowStore::list(UserId user, FollowSide side, UserId after, std::size_t limit) {
    auto rows = co_await database_.read(kListFollows, sql::params(user, json::name_of(side), after, limit));
    Ids ids;
    ids.reserve(rows.size());
    for (auto row : rows) ids.push_back(row.id<UserId>(0));
    co_return ids;
}

}  // namespace guildhall::connection
