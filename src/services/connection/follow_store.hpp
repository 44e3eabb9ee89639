#pragma once

#include <cstddef>

#include "platform/async/task.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/connection.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// Which side of a follow a list is of: whom a member follows, or who follows the member.
enum class FollowSide { following, followers };
BOOST_DESCRIBE_ENUM(FollowSide, following, followers)

/// The table `follows`, which says the same as the pairs whose follow is not implied. Thread-safe; throws Unavailable.
class FollowStore {
public:
    explicit FollowStore(sql::Database& database) : database_(database) {}

    /// Stores both rows of a follow that is not implied (`follow` is not).
    Task<void> put(sql::Transaction& tx, UserId follower, UserId followed, Follow follow);
    /// Removes both rows of a follow: it is implied.
    Task<void> remove(sql::Transaction& tx, UserId follower, UserId followed);
    /// Rows of `follower` on the side of `following`, counted up to `most`.
    Task<std::size_t> count(sql::Transaction& tx, UserId follower, std::size_t most);
    /// Up to `limit` members behind `after`, ascending: connections who are not unfollowed, and other members who are
    /// followed.
    Task<Ids> list(UserId user, FollowSide side, UserId after, std::size_t limit);

private:
    sql::Database& database_;
};

}  // namespace guildhall::connection
