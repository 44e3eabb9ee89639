#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "platform/sql/database.hpp"
#include "services/post/post.hpp"

namespace guildhall::post {

/// A member's reaction to a post, without the member.
using OwnReaction = std::pair<PostId, ReactionKind>;

/// What an upsert of a reaction found.
struct ReactionChange {
    std::optional<ReactionKind> previous;
    std::int64_t id;
};

/// The SQL of reactions. Who changes one changes the post's counters (CountStore) in the same transaction. Thread-safe;
/// throws Unavailable.
class ReactionStore {
public:
    explicit ReactionStore(sql::Database& database) : database_(database) {}
    sql::Database& database() { return database_; }

    /// The member's reactions to the newest posts they reacted to, by post id, newest first.
    Task<std::vector<OwnReaction>> list_newest_of(UserId user, std::size_t limit);
    /// The member's reactions to these posts, in no order.
    Task<std::vector<OwnReaction>> list_of(UserId user, std::vector<PostId> posts);
    /// The reactions to a post, of one kind if given, newest first.
    Task<std::vector<StoredReaction>> list(PostId post, std::optional<ReactionKind> kind, std::int64_t below,
                                           std::size_t limit);
    /// What the member reacted to, newest reaction first.
    Task<std::vector<StoredReaction>> list_by_user(UserId user, std::int64_t below, std::size_t limit);
    /// Sets the reaction; one that is there keeps its id.
    Task<ReactionChange> upsert(sql::Transaction& tx, StoredReaction reaction);
    /// Inserts the reaction unless the member has one. True when it did.
    Task<bool> insert(sql::Transaction& tx, StoredReaction reaction);
    /// The kind that was removed; nothing when there was none.
    Task<std::optional<ReactionKind>> remove(sql::Transaction& tx, PostId post, UserId user);
    /// Removes up to `limit` reactions to a deleted post, and gives the members whose they were.
    Task<std::vector<UserId>> purge(sql::Transaction& tx, PostId post, std::size_t limit);

private:
    sql::Database& database_;
};

}  // namespace guildhall::post
