#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/sql/database.hpp"
#include "services/post/post.hpp"

namespace guildhall::post {

/// A post in its author's list.
struct TimelineEntry {
    PostId id;
    Visibility visibility;
};

/// A stretch of an author's list to read: the newest posts below `below` that `audience` may see.
struct TimelineRequest {
    UserId author_id;
    PostId below;
    Visibility audience;
};

/// A member's reaction to a post, without the member.
using OwnReaction = std::pair<PostId, ReactionKind>;

/// What an upsert of a reaction found.
struct ReactionChange {
    std::optional<ReactionKind> previous;
    std::int64_t id;
};

/// What the deletion of a comment removed.
struct RemovedComment {
    UserId author_id;
    CommentId parent_id;
    std::int64_t reply_count;
};

/// The SQL of posts, reactions and comments, for both databases. Reads run outside transactions; what takes a
/// Transaction is part of the caller's. Lists are keyset-paginated by id. Thread-safe.
class PostStore {
public:
    explicit PostStore(sql::Database& database) : database_(database) {}
    sql::Database& database() { return database_; }

    // Posts.

    /// The posts of `keys` that exist, tombstones too, in no order. A key without author costs one round trip more.
    Task<std::vector<StoredPost>> list_posts(std::vector<PostKey> keys);
    /// For each request the newest `limit` posts, newest first.
    Task<std::vector<std::vector<TimelineEntry>>> list_timelines(std::vector<TimelineRequest> requests,
                                                                 std::size_t limit);
    /// Posts with a hashtag, newest first: the public ones only, or of every visibility.
    Task<std::vector<PostKey>> list_by_hashtag(std::string tag, PostId below, bool only_public, std::size_t limit);
    Task<void> insert_post(sql::Transaction& tx, const StoredPost& post);
    /// Locks the post against other writers and gives it without its counts; nothing when it is absent or deleted.
    Task<std::optional<StoredPost>> lock_post(sql::Transaction& tx, PostKey key);
    /// Stores text, entities, visibility, edited_at and version of a locked post; `before` is what lock_post() gave.
    Task<void> update_post(sql::Transaction& tx, const StoredPost& before, const StoredPost& after);
    /// Makes a locked post a tombstone without hashtags. Its comments and reactions, which nobody can see any more,
    /// stay until purge().
    Task<void> erase_post(sql::Transaction& tx, const StoredPost& post, Time now);
    /// Removes up to `limit` reactions and `limit` comments of deleted posts, and gives the members whose reactions
    /// these were; nothing when there is no deleted post with any.
    Task<std::optional<std::vector<UserId>>> purge(std::size_t limit);

    // Reactions.

    /// The member's reactions to the newest posts they reacted to, by post id, newest first.
    Task<std::vector<OwnReaction>> list_newest_reactions_of(UserId user, std::size_t limit);
    /// The member's reactions to these posts, in no order.
    Task<std::vector<OwnReaction>> list_reactions_of(UserId user, std::vector<PostId> posts);
    /// The reactions to a post, of one kind if given, newest first.
    Task<std::vector<StoredReaction>> list_reactions(PostId post, std::optional<ReactionKind> kind, std::int64_t below,
                                                     std::size_t limit);
    /// What the member reacted to, newest reaction first.
    Task<std::vector<StoredReaction>> list_reaction_activity(UserId user, std::int64_t below, std::size_t limit);
    /// Sets the reaction; one that is there keeps its id.
    Task<ReactionChange> upsert_reaction(sql::Transaction& tx, StoredReaction reaction);
    /// The kind that was removed; nothing when there was none.
    Task<std::optional<ReactionKind>> remove_reaction(sql::Transaction& tx, PostId post, UserId user);
    /// Inserts the reaction unless the member has one. True when it did.
    Task<bool> insert_reaction(sql::Transaction& tx, StoredReaction reaction);

    // Counters.

    using KindDeltas = std::array<std::int64_t, kReactionKinds>;
    /// Adds to the counters of a post and locks it; its author, or nothing when the post is absent or deleted.
    Task<std::optional<UserId>> add_to_counts(sql::Transaction& tx, PostId post, const KindDeltas& kinds,
                                              std::int64_t comments);

    /// What these members have reacted and commented, on those of `posts` where there is anything: what a reader who
    /// may not see them must not count. A comment takes all replies below it along, since no list leads to them.
    Task<std::vector<std::pair<PostId, Counts>>> list_counts_of(sql::Ids posts, sql::Ids users);
    /// How many direct replies of these members each of `parents` has that lists show, where there are any.
    Task<std::vector<std::pair<CommentId, std::int64_t>>> list_reply_counts_of(PostId post, sql::Ids parents,
                                                                               sql::Ids users);

    // Comments. Writers hold the post's counters (add_to_counts), so they are serial for each post.

    /// A comment's post; then the comment, also a tombstone.
    Task<std::optional<PostId>> find_comment_route(CommentId id);
    Task<std::optional<StoredComment>> find_comment(PostId post, CommentId id);
    /// The comments (post, id) that exist, in no order.
    Task<std::vector<StoredComment>> list_comments(std::vector<std::pair<PostId, CommentId>> keys);
    /// The comments under `parent` (0: the post) that lists show, newest first below `from`, or oldest first above it.
    Task<std::vector<StoredComment>> list_comments_under(PostId post, CommentId parent, CommentId from,
                                                         bool newest_first, std::size_t limit);
    Task<std::vector<std::pair<PostId, CommentId>>> list_comments_of(UserId user, CommentId below, std::size_t limit);
    Task<void> insert_comment(sql::Transaction& tx, const StoredComment& comment);
    /// True when the comment is there and not deleted.
    Task<bool> is_live_comment(sql::Transaction& tx, PostId post, CommentId id);
    Task<void> add_reply(sql::Transaction& tx, PostId post, CommentId parent);
    /// Locks a comment; nothing when it is absent or deleted.
    Task<std::optional<StoredComment>> lock_comment(sql::Transaction& tx, PostId post, CommentId id);
    Task<void> update_comment(sql::Transaction& tx, const StoredComment& comment);
    /// Makes the comment a tombstone and corrects the reply counts above it; nothing when it is absent or deleted.
    Task<std::optional<RemovedComment>> remove_comment(sql::Transaction& tx, PostId post, CommentId id, Time now);

    // Import.

    /// Which of `keys` are imported already, with the id that was made.
    Task<std::vector<std::pair<std::int64_t, std::int64_t>>> list_imported(sql::Transaction& tx, sql::Ids keys);
    Task<void> insert_imported(sql::Transaction& tx, std::int64_t key, std::int64_t id);
    /// Which of these ids are taken by posts, or by comments.
    Task<sql::Ids> list_taken_post_ids(sql::Transaction& tx, sql::Ids ids);
    Task<sql::Ids> list_taken_comment_ids(sql::Transaction& tx, sql::Ids ids);

private:
    sql::Database& database_;
};

}  // namespace guildhall::post
