#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "platform/sql/database.hpp"
#include "services/post/post.hpp"

namespace guildhall::post {

/// The SQL of the counters of posts. Thread-safe; throws Unavailable.
class CountStore {
public:
    explicit CountStore(sql::Database& database) : database_(database) {}

    using KindDeltas = std::array<std::int64_t, kReactionKinds>;
    /// Adds to the counters of a post and locks it; its author, or nothing when the post is absent or deleted.
    Task<std::optional<UserId>> add(sql::Transaction& tx, PostId post, const KindDeltas& kinds, std::int64_t comments);

    /// What `users` have reacted and commented, on those of `posts` where there is anything: what a reader who may not
    /// see them must not count. A comment takes all replies below it along, since no list leads to them.
    Task<std::vector<std::pair<PostId, Counts>>> list_made_by(sql::Ids users, sql::Ids posts);

    /// Who reacted to these posts or has comments there, some of them twice.
    Task<sql::Ids> list_participants(sql::Ids posts);

private:
    sql::Database& database_;
};

}  // namespace guildhall::post
