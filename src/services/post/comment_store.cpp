#include "services/post/comment_store.hpp"

#include "platform/json/write.hpp"
#include "services/post/stored_columns.hpp"

namespace guildhall::post {
namespace {

constexpr sql::Statement kFindCommentRoute{"post.find_comment_route",
                                           "SELECT post_id FROM comment_routes WHERE comment_id = $1"};
constexpr sql::Statement kFindComment{
    "post.find_comment",
    "SELECT id, post_id, parent_id, depth, author_id, text, mentions, created_at, edited_at, version, reply_count, "
    "deleted_at FROM comments WHERE post_id = $1 AND id = $2"};
constexpr sql::Statement kListCommentsNewest{
    "post.list_comments_newest",
    "SELECT id, post_id, parent_id, depth, author_id, text, mentions, created_at, edited_at, version, reply_count, "
    "deleted_at FROM comments WHERE post_id = $1 AND parent_id = $2 AND id < $3 "
    "AND (deleted_at IS NULL OR reply_count > 0) ORDER BY id DESC LIMIT $4",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListCommentsOldest{
    "post.list_comments_oldest",
    "SELECT id, post_id, parent_id, depth, author_id, text, mentions, created_at, edited_at, version, reply_count, "
    "deleted_at FROM comments WHERE post_id = $1 AND parent_id = $2 AND id > $3 "
    "AND (deleted_at IS NULL OR reply_count > 0) ORDER BY id LIMIT $4",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListCommentsNewestWithout{
    "post.list_comments_newest_without",
    "SELECT id, post_id, parent_id, depth, author_id, text, mentions, created_at, edited_at, version, reply_count, "
    "deleted_at FROM comments WHERE post_id = $1 AND parent_id = $2 AND id < $3 "
    "AND (deleted_at IS NULL OR reply_count > 0) AND (author_id NOT IN ($5:ids) OR deleted_at IS NOT NULL) "
    "ORDER BY id DESC LIMIT $4",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListCommentsOldestWithout{
    "post.list_comments_oldest_without",
    "SELECT id, post_id, parent_id, depth, author_id, text, mentions, created_at, edited_at, version, reply_count, "
    "deleted_at FROM comments WHERE post_id = $1 AND parent_id = $2 AND id > $3 "
    "AND (deleted_at IS NULL OR reply_count > 0) AND (author_id NOT IN ($5:ids) OR deleted_at IS NOT NULL) "
    "ORDER BY id LIMIT $4",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListTombstones{
    "post.list_tombstones",
    "SELECT id, parent_id, reply_count FROM comments WHERE post_id = $1 AND parent_id IN ($2:ids) "
    "AND deleted_at IS NOT NULL AND reply_count > 0"};
constexpr sql::Statement kListCommentsOf{
    "post.list_comments_of",
    "SELECT post_id, id FROM comments_by_user WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListReplyCountsOf{
    "post.list_reply_counts_of",
    "SELECT parent_id, COUNT(*) FROM comments WHERE post_id = $1 AND parent_id IN ($2:ids) AND author_id IN ($3:ids) "
    "AND deleted_at IS NULL GROUP BY parent_id"};
constexpr sql::Statement kInsertComment{
    "post.insert_comment",
    "INSERT INTO comments (post_id, id, parent_id, depth, author_id, text, mentions, created_at, edited_at, version, "
    "reply_count, deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, 1, 0, NULL)"};
constexpr sql::Statement kInsertCommentRoute{"post.insert_comment_route",
                                             "INSERT INTO comment_routes (comment_id, post_id) VALUES ($1, $2)"};
constexpr sql::Statement kInsertCommentOfUser{
    "post.insert_comment_of_user", "INSERT INTO comments_by_user (user_id, id, post_id) VALUES ($1, $2, $3)"};
constexpr sql::Statement kIsLiveComment{
    "post.is_live_comment", "SELECT id FROM comments WHERE post_id = $1 AND id = $2 AND deleted_at IS NULL"};
constexpr sql::Statement kAddReply{"post.add_reply",
                                   "UPDATE comments SET reply_count = reply_count + 1 WHERE post_id = $1 AND id = $2"};
constexpr sql::Statement kRemoveReply{
    "post.remove_reply",
    "UPDATE comments SET reply_count = reply_count - 1 WHERE post_id = $1 AND id = $2 "
    "RETURNING parent_id, reply_count, deleted_at"};
constexpr sql::Statement kLockComment{
    "post.lock_comment",
    "UPDATE comments SET version = version WHERE post_id = $1 AND id = $2 AND deleted_at IS NULL "
    "RETURNING id, post_id, parent_id, depth, author_id, text, mentions, created_at, edited_at, version, reply_count, "
    "deleted_at"};
constexpr sql::Statement kUpdateComment{
    "post.update_comment",
    "UPDATE comments SET text = $3, mentions = $4, edited_at = $5, version = $6 WHERE post_id = $1 AND id = $2"};
constexpr sql::Statement kEraseComment{
    "post.erase_comment",
    "UPDATE comments SET text = '', mentions = '[]', deleted_at = $3, version = version + 1 "
    "WHERE post_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING author_id, parent_id, reply_count"};
constexpr sql::Statement kRemoveCommentOfUser{"post.remove_comment_of_user",
                                              "DELETE FROM comments_by_user WHERE user_id = $1 AND id = $2"};
constexpr sql::Statement kRemoveCommentsOfPost{
    "post.remove_comments_of_post",
    "DELETE FROM comments WHERE post_id = $1 AND id IN (SELECT id FROM comments WHERE post_id = $1 LIMIT $2) "
    "RETURNING id, author_id"};
constexpr sql::Statement kRemoveCommentRoutes{"post.remove_comment_routes",
                                              "DELETE FROM comment_routes WHERE comment_id IN ($1:ids)"};

StoredComment read_comment(sql::Row row) {
    StoredComment comment;
    comment.id = row.id<CommentId>(0);
    comment.post_id = row.id<PostId>(1);
    comment.parent_id = row.id<CommentId>(2);
    comment.depth = row.number(3);
    comment.author_id = row.id<UserId>(4);
    comment.text = row.take_text(5);
    comment.mentions = stored_list<Mention>(row.text(6));
    comment.created_at = row.time(7);
    comment.edited_at = optional_time(row, 8);
    comment.version = row.number(9);
    comment.reply_count = row.number(10);
    comment.is_deleted = !row.is_null(11);
    return comment;
}

}  // namespace

Task<std::optional<PostId>> CommentStore::find_post(CommentId id) {
    sql::Rows rows = co_await database_.read(kFindCommentRoute, sql::params(id));
    if (rows.empty()) co_return std::nullopt;
    co_return rows[0].id<PostId>(0);
}

Task<std::optional<StoredComment>> CommentStore::find(PostId post, CommentId id) {
    sql::Rows rows = co_await database_.read(kFindComment, sql::params(post, id));
    if (rows.empty()) co_return std::nullopt;
    co_return read_comment(rows[0]);
}

Task<std::vector<StoredComment>> CommentStore::list(std::vector<std::pair<PostId, CommentId>> keys) {
    std::vector<sql::BoundStatement> calls;
    calls.reserve(keys.size());
    for (const auto& [post, id] : keys) calls.push_back({&kFindComment, sql::params(post, id)});
    std::vector<sql::Rows> answers = co_await database_.read_all(std::move(calls));
    std::vector<StoredComment> comments;
    comments.reserve(answers.size());
    for (sql::Rows& rows : answers)
        if (!rows.empty()) comments.push_back(read_comment(rows[0]));
    co_return comments;
}

Task<std::vector<StoredComment>> CommentStore::list_under(PostId post, CommentId parent, sql::Ids hidden,
                                                          CommentId from, bool newest_first, std::size_t limit) {
    sql::Rows rows;
    if (hidden.empty()) {
        const sql::Statement& statement = newest_first ? kListCommentsNewest : kListCommentsOldest;
        rows = co_await database_.read(statement, sql::params(post, parent, from, limit));
    } else {
        const sql::Statement& statement = newest_first ? kListCommentsNewestWithout : kListCommentsOldestWithout;
        rows = co_await database_.read(statement, sql::params(post, parent, from, limit, std::move(hidden)));
    }
    std::vector<StoredComment> comments;
    comments.reserve(rows.size());
    for (const sql::Row row : rows) comments.push_back(read_comment(row));
    co_return comments;
}

Task<std::vector<std::pair<PostId, CommentId>>> CommentStore::list_by_user(UserId user, CommentId below,
                                                                           std::size_t limit) {
    sql::Rows rows = co_await database_.read(kListCommentsOf, sql::params(user, below, limit));
    std::vector<std::pair<PostId, CommentId>> keys;
    keys.reserve(rows.size());
    for (const sql::Row row : rows) keys.emplace_back(row.id<PostId>(0), row.id<CommentId>(1));
    co_return keys;
}

Task<std::vector<std::pair<CommentId, std::int64_t>>> CommentStore::list_reply_counts(PostId post, sql::Ids parents,
                                                                                      sql::Ids users) {
    sql::Rows rows =
        co_await database_.read(kListReplyCountsOf, sql::params(post, std::move(parents), std::move(users)));
    std::vector<std::pair<CommentId, std::int64_t>> counts;
    counts.reserve(rows.size());
    for (const sql::Row row : rows) counts.emplace_back(row.id<CommentId>(0), row.number(1));
    co_return counts;
}

Task<std::vector<Tombstone>> CommentStore::list_tombstones(PostId post, sql::Ids parents) {
    sql::Rows rows = co_await database_.read(kListTombstones, sql::params(post, std::move(parents)));
    std::vector<Tombstone> tombstones;
    tombstones.reserve(rows.size());
    for (const sql::Row row : rows) tombstones.push_back({row.id<CommentId>(0), row.id<CommentId>(1), row.number(2)});
    co_return tombstones;
}

Task<void> CommentStore::insert(sql::Transaction& tx, const StoredComment& comment) {
    co_await tx.execute(kInsertComment,
                        sql::params(comment.post_id, comment.id, comment.parent_id, comment.depth, comment.author_id,
                                    comment.text, json::to_json(comment.mentions), comment.created_at));
    co_await tx.execute(kInsertCommentRoute, sql::params(comment.id, comment.post_id));
    co_await tx.execute(kInsertCommentOfUser, sql::params(comment.author_id, comment.id, comment.post_id));
}

Task<bool> CommentStore::is_live(sql::Transaction& tx, PostId post, CommentId id) {
    const sql::Rows rows = co_await tx.query(kIsLiveComment, sql::params(post, id));
    co_return !rows.empty();
}

Task<void> CommentStore::add_reply(sql::Transaction& tx, PostId post, CommentId parent) {
    co_await tx.execute(kAddReply, sql::params(post, parent));
}

Task<std::optional<StoredComment>> CommentStore::lock(sql::Transaction& tx, PostId post, CommentId id) {
    sql::Rows rows = co_await tx.query(kLockComment, sql::params(post, id));
    if (rows.empty()) co_return std::nullopt;
    co_return read_comment(rows[0]);
}

Task<void> CommentStore::update(sql::Transaction& tx, const StoredComment& comment) {
    co_await tx.execute(kUpdateComment,
                        sql::params(comment.post_id, comment.id, comment.text, json::to_json(comment.mentions),
                                    comment.edited_at, comment.version));
}

Task<std::optional<RemovedComment>> CommentStore::remove(sql::Transaction& tx, PostId post, CommentId id, Time now) {
    sql::Rows rows = co_await tx.query(kEraseComment, sql::params(post, id, now));
    if (rows.empty()) co_return std::nullopt;
    const RemovedComment removed{rows[0].id<UserId>(0), rows[0].id<CommentId>(1), rows[0].number(2)};
    co_await tx.execute(kRemoveCommentOfUser, sql::params(removed.author_id, id));

    // A tombstone without replies is not shown, so it no longer counts above; that can end the showing of a tombstone
    // there, and so on.
    CommentId parent = removed.parent_id;
    bool vanishes = removed.reply_count == 0;
    while (vanishes && parent) {
        sql::Rows above = co_await tx.query(kRemoveReply, sql::params(post, parent));
        if (above.empty()) throw Corrupt("a reply without its comment");
        parent = above[0].id<CommentId>(0);
        vanishes = above[0].number(1) == 0 && !above[0].is_null(2);
    }
    co_return removed;
}

Task<std::size_t> CommentStore::purge(sql::Transaction& tx, PostId post, std::size_t limit) {
    sql::Rows rows = co_await tx.query(kRemoveCommentsOfPost, sql::params(post, limit));
    sql::Ids ids;
    ids.reserve(rows.size());
    for (const sql::Row row : rows) {
        co_await tx.execute(kRemoveCommentOfUser, sql::params(row.number(1), row.number(0)));
        ids.push_back(row.number(0));
    }
    co_await tx.execute(kRemoveCommentRoutes, sql::params(std::move(ids)));
    co_return rows.size();
}

}  // namespace guildhall::post
