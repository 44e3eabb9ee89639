#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "platform/sql/database.hpp"
#include "services/post/post.hpp"

namespace guildhall::post {

/// What the deletion of a comment removed.
struct RemovedComment {
    UserId author_id;
    CommentId parent_id;
    std::int64_t reply_count;
};

/// A deleted comment that has replies.
struct Tombstone {
    CommentId id;
    CommentId parent_id;
    std::int64_t reply_count;
};

/// The SQL of comments. Writers hold the post's counters (CountStore::add), so they are serial for each post.
/// Thread-safe; throws Unavailable.
class CommentStore {
public:
    explicit CommentStore(sql::Database& database) : database_(database) {}
    sql::Database& database() { return database_; }

    /// The post of a comment, also of a tombstone.
    Task<std::optional<PostId>> find_post(CommentId id);
    /// The comment, also a tombstone.
    Task<std::optional<StoredComment>> find(PostId post, CommentId id);
    /// The comments (post, id) that exist, in no order.
    Task<std::vector<StoredComment>> list(std::vector<std::pair<PostId, CommentId>> keys);
    /// The comments under `parent` (0: the post) that lists show, without those of `hidden`, newest first below `from`,
    /// or oldest first above it. Tombstones are nobody's.
    Task<std::vector<StoredComment>> list_under(PostId post, CommentId parent, sql::Ids hidden, CommentId from,
                                                bool newest_first, std::size_t limit);
    /// What the member wrote, newest first.
    Task<std::vector<std::pair<PostId, CommentId>>> list_by_user(UserId user, CommentId below, std::size_t limit);
    /// How many direct replies of `users` each of `parents` has that lists show, where there are any.
    Task<std::vector<std::pair<CommentId, std::int64_t>>> list_reply_counts(PostId post, sql::Ids parents,
                                                                            sql::Ids users);
    /// The tombstones under `parents` that lists show.
    Task<std::vector<Tombstone>> list_tombstones(PostId post, sql::Ids parents);
    Task<void> insert(sql::Transaction& tx, const StoredComment& comment);
    /// True when the comment is there and not deleted.
    Task<bool> is_live(sql::Transaction& tx, PostId post, CommentId id);
    Task<void> add_reply(sql::Transaction& tx, PostId post, CommentId parent);
    /// Locks a comment; nothing when it is absent or deleted.
    Task<std::optional<StoredComment>> lock(sql::Transaction& tx, PostId post, CommentId id);
    Task<void> update(sql::Transaction& tx, const StoredComment& comment);
    /// Makes the comment a tombstone and corrects the reply counts above it; nothing when it is absent or deleted.
    Task<std::optional<RemovedComment>> remove(sql::Transaction& tx, PostId post, CommentId id, Time now);
    /// Removes up to `limit` comments of a deleted post; how many there were.
    Task<std::size_t> purge(sql::Transaction& tx, PostId post, std::size_t limit);

private:
    sql::Database& database_;
};

}  // namespace guildhall::post
