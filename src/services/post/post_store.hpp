#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "platform/sql/database.hpp"
#include "services/post/post.hpp"

namespace guildhall::post {

/// A post in its author's list.
struct TimelineEntry {
    PostId id;
    Visibility visibility;
};

/// A part of an author's list to read: the newest posts below `below` that `audience` may see.
struct TimelineRequest {
    UserId author_id;
    PostId below;
    Visibility audience;
};

/// The SQL of posts and of the lists that they are in, for both databases. Reads run outside transactions; what takes a
/// Transaction is part of the caller's. Lists are keyset-paginated by id. Thread-safe; throws Unavailable.
class PostStore {
public:
    explicit PostStore(sql::Database& database) : database_(database) {}
    sql::Database& database() { return database_; }

    /// The posts of `keys` that exist, tombstones too, in no order. A key without author costs one round trip more.
    Task<std::vector<StoredPost>> list(std::vector<PostKey> keys);
    /// For each request the newest `limit` posts, newest first.
    Task<std::vector<std::vector<TimelineEntry>>> list_timelines(std::vector<TimelineRequest> requests,
                                                                 std::size_t limit);
    /// Posts with a hashtag, newest first: the public ones only, or of every visibility.
    Task<std::vector<PostKey>> list_by_hashtag(std::string tag, PostId below, bool only_public, std::size_t limit);
    Task<void> insert(sql::Transaction& tx, const StoredPost& post);
    /// Locks the post against other writers and gives it without its counts; nothing when it is absent or deleted.
    Task<std::optional<StoredPost>> lock(sql::Transaction& tx, PostKey key);
    /// Stores text, entities, visibility, edited_at and version of a locked post; `before` is what lock() gave.
    Task<void> update(sql::Transaction& tx, const StoredPost& before, const StoredPost& after);
    /// Makes a locked post a tombstone without hashtags, to be purged. Its comments and reactions, which nobody can see
    /// any more, stay until then.
    Task<void> erase(sql::Transaction& tx, const StoredPost& post, Time now);

    /// A deleted post that is to be purged; nothing when there is none.
    Task<std::optional<PostId>> find_purge();
    /// Locks it against other purges. False when it is purged already.
    Task<bool> lock_purge(sql::Transaction& tx, PostId post);
    /// Call when nothing of the post is left.
    Task<void> remove_purge(sql::Transaction& tx, PostId post);

private:
    sql::Database& database_;
};

}  // namespace guildhall::post
