#include "services/post/post_store.hpp"

#include <algorithm>
#include <cassert>
#include <unordered_map>

#include "platform/json/read.hpp"
#include "platform/json/write.hpp"

namespace guildhall::post {
namespace {

constexpr sql::Statement kFindPost{
    "post.find_post",
    "SELECT author_id, id, text, visibility, hashtags, mentions, created_at, edited_at, version, deleted_at "
    "FROM posts WHERE author_id = $1 AND id = $2"};
constexpr sql::Statement kListCounts{
    "post.list_counts",
    "SELECT post_id, author_id, like_count, celebrate_count, support_count, love_count, insightful_count, funny_count, "
    "comment_count FROM post_counts WHERE post_id IN ($1:ids)"};
constexpr sql::Statement kListTimeline{
    "post.list_timeline",
    "SELECT id, visibility FROM posts WHERE author_id = $1 AND id < $2 AND visibility <= $3 AND deleted_at IS NULL "
    "ORDER BY id DESC LIMIT $4"};
constexpr sql::Statement kListByHashtag{
    "post.list_by_hashtag",
    "SELECT post_id, author_id FROM hashtag_posts WHERE tag = $1 AND post_id < $2 ORDER BY post_id DESC LIMIT $3",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListPublicByHashtag{
    "post.list_public_by_hashtag",
    "SELECT post_id, author_id FROM hashtag_posts WHERE tag = $1 AND visibility = $4 AND post_id < $2 "
    "ORDER BY post_id DESC LIMIT $3",
    sql::Freshness::replica_ok};
constexpr sql::Statement kInsertPost{
    "post.insert_post",
    "INSERT INTO posts (author_id, id, text, visibility, hashtags, mentions, created_at, edited_at, version, "
    "deleted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, 1, NULL)"};
constexpr sql::Statement kInsertCounts{
    "post.insert_counts",
    "INSERT INTO post_counts (post_id, author_id, is_deleted, like_count, celebrate_count, support_count, love_count, "
    "insightful_count, funny_count, comment_count) VALUES ($1, $2, 0, 0, 0, 0, 0, 0, 0, 0)"};
constexpr sql::Statement kInsertHashtag{
    "post.insert_hashtag",
    "INSERT INTO hashtag_posts (tag, post_id, author_id, visibility) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (tag, post_id) DO UPDATE SET visibility = excluded.visibility"};
constexpr sql::Statement kRemoveHashtag{"post.remove_hashtag",
                                        "DELETE FROM hashtag_posts WHERE tag = $1 AND post_id = $2"};
constexpr sql::Statement kLockPost{
    "post.lock_post",
    "UPDATE posts SET version = version WHERE author_id = $1 AND id = $2 AND deleted_at IS NULL "
    "RETURNING author_id, id, text, visibility, hashtags, mentions, created_at, edited_at, version, deleted_at"};
constexpr sql::Statement kUpdatePost{
    "post.update_post",
    "UPDATE posts SET text = $3, visibility = $4, hashtags = $5, mentions = $6, edited_at = $7, version = $8 "
    "WHERE author_id = $1 AND id = $2"};
constexpr sql::Statement kErasePost{
    "post.erase_post",
    "UPDATE posts SET text = '', hashtags = '[]', mentions = '[]', version = version + 1, deleted_at = $3 "
    "WHERE author_id = $1 AND id = $2"};
constexpr sql::Statement kEraseCounts{
    "post.erase_counts",
    "UPDATE post_counts SET is_deleted = 1, like_count = 0, celebrate_count = 0, support_count = 0, love_count = 0, "
    "insightful_count = 0, funny_count = 0, comment_count = 0 WHERE post_id = $1"};
constexpr sql::Statement kInsertPurge{"post.insert_purge", "INSERT INTO purges (post_id) VALUES ($1)"};
constexpr sql::Statement kFindPurge{"post.find_purge", "SELECT post_id FROM purges ORDER BY post_id LIMIT 1"};
constexpr sql::Statement kLockPurge{"post.lock_purge",
                                    "UPDATE purges SET post_id = post_id WHERE post_id = $1 RETURNING post_id"};
constexpr sql::Statement kRemovePurge{"post.remove_purge", "DELETE FROM purges WHERE post_id = $1"};
constexpr sql::Statement kRemoveReactionsOfPost{
    "post.remove_reactions_of_post",
    "DELETE FROM reactions WHERE post_id = $1 AND user_id IN "
    "(SELECT user_id FROM reactions WHERE post_id = $1 LIMIT $2) RETURNING user_id"};
constexpr sql::Statement kRemoveReactionsByUsers{
    "post.remove_reactions_by_users", "DELETE FROM reactions_by_user WHERE user_id IN ($1:ids) AND post_id = $2"};
constexpr sql::Statement kRemoveCommentsOfPost{
    "post.remove_comments_of_post",
    "DELETE FROM comments WHERE post_id = $1 AND id IN (SELECT id FROM comments WHERE post_id = $1 LIMIT $2) "
    "RETURNING id, author_id"};
constexpr sql::Statement kRemoveCommentRoutes{"post.remove_comment_routes",
                                              "DELETE FROM comment_routes WHERE comment_id IN ($1:ids)"};
constexpr sql::Statement kRemoveCommentOfUser{"post.remove_comment_of_user",
                                              "DELETE FROM comments_by_user WHERE user_id = $1 AND id = $2"};

constexpr sql::Statement kListNewestReactionsOf{
    "post.list_newest_reactions_of",
    "SELECT post_id, kind FROM reactions_by_user WHERE user_id = $1 ORDER BY post_id DESC LIMIT $2"};
constexpr sql::Statement kListReactionsOf{
    "post.list_reactions_of", "SELECT post_id, kind FROM reactions_by_user WHERE user_id = $1 AND post_id IN ($2:ids)"};
constexpr sql::Statement kListReactions{
    "post.list_reactions",
    "SELECT post_id, user_id, id, kind FROM reactions WHERE post_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListReactionsOfKind{
    "post.list_reactions_of_kind",
    "SELECT post_id, user_id, id, kind FROM reactions WHERE post_id = $1 AND id < $2 AND kind = $4 "
    "ORDER BY id DESC LIMIT $3",
    sql::Freshness::replica_ok};
constexpr sql::Statement kListReactionActivity{
    "post.list_reaction_activity",
    "SELECT post_id, user_id, id, kind FROM reactions_by_user WHERE user_id = $1 AND id < $2 "
    "ORDER BY id DESC LIMIT $3",
    sql::Freshness::replica_ok};
constexpr sql::Statement kUpsertReaction{
    "post.upsert_reaction",
    "INSERT INTO reactions (post_id, user_id, id, kind, previous_kind) VALUES ($1, $2, $3, $4, -1) "
    "ON CONFLICT (post_id, user_id) DO UPDATE SET previous_kind = reactions.kind, kind = excluded.kind "
    "RETURNING id, previous_kind"};
constexpr sql::Statement kUpsertReactionOfUser{
    "post.upsert_reaction_of_user",
    "INSERT INTO reactions_by_user (user_id, post_id, id, kind) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (user_id, post_id) DO UPDATE SET id = excluded.id, kind = excluded.kind"};
constexpr sql::Statement kInsertReaction{
    "post.insert_reaction",
    "INSERT INTO reactions (post_id, user_id, id, kind, previous_kind) VALUES ($1, $2, $3, $4, -1) "
    "ON CONFLICT (post_id, user_id) DO NOTHING RETURNING id"};
constexpr sql::Statement kRemoveReaction{"post.remove_reaction",
                                         "DELETE FROM reactions WHERE post_id = $1 AND user_id = $2 RETURNING kind"};
constexpr sql::Statement kRemoveReactionOfUser{"post.remove_reaction_of_user",
                                               "DELETE FROM reactions_by_user WHERE user_id = $1 AND post_id = $2"};
constexpr sql::Statement kAddToCounts{
    "post.add_to_counts",
    "UPDATE post_counts SET like_count = like_count + $2, celebrate_count = celebrate_count + $3, "
    "support_count = support_count + $4, love_count = love_count + $5, insightful_count = insightful_count + $6, "
    "funny_count = funny_count + $7, comment_count = comment_count + $8 WHERE post_id = $1 AND is_deleted = 0 "
    "RETURNING author_id"};

constexpr sql::Statement kListReactionCountsOf{
    "post.list_reaction_counts_of",
    "SELECT post_id, kind, COUNT(*) FROM reactions WHERE post_id IN ($1:ids) AND user_id IN ($2:ids) "
    "GROUP BY post_id, kind"};
constexpr sql::Statement kListCommentCountsOf{
    "post.list_comment_counts_of",
    "WITH RECURSIVE unseen (post_id, id, deleted_at) AS ("
    "SELECT post_id, id, deleted_at FROM comments "
    "WHERE post_id IN ($1:ids) AND author_id IN ($2:ids) AND deleted_at IS NULL "
    "UNION SELECT c.post_id, c.id, c.deleted_at FROM unseen u JOIN comments c "
    "ON c.post_id = u.post_id AND c.parent_id = u.id AND (c.deleted_at IS NULL OR c.reply_count > 0)) "
    "SELECT post_id, COUNT(*) FROM unseen WHERE deleted_at IS NULL GROUP BY post_id"};
constexpr sql::Statement kListReplyCountsOf{
    "post.list_reply_counts_of",
    "SELECT parent_id, COUNT(*) FROM comments WHERE post_id = $1 AND parent_id IN ($2:ids) AND author_id IN ($3:ids) "
    "AND deleted_at IS NULL GROUP BY parent_id"};

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
constexpr sql::Statement kListCommentsOf{
    "post.list_comments_of",
    "SELECT post_id, id FROM comments_by_user WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
    sql::Freshness::replica_ok};
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

constexpr sql::Statement kListImported{"post.list_imported", "SELECT key, id FROM imported WHERE key IN ($1:ids)"};
constexpr sql::Statement kInsertImported{"post.insert_imported", "INSERT INTO imported (key, id) VALUES ($1, $2)"};
constexpr sql::Statement kListTakenPostIds{"post.list_taken_post_ids",
                                           "SELECT post_id FROM post_counts WHERE post_id IN ($1:ids)"};
constexpr sql::Statement kListTakenCommentIds{"post.list_taken_comment_ids",
                                              "SELECT comment_id FROM comment_routes WHERE comment_id IN ($1:ids)"};

// A pipeline is written before it is read: this bounds what waits in the socket's buffers.
constexpr std::size_t kMaxPipelined = 128;

template <class T>
std::vector<T> parse_list(const std::string& text) {
    if (text == "[]") return {};
    auto list = json::from_json<std::vector<T>>(text);
    if (!list) throw Corrupt("a stored list cannot be read");
    return std::move(*list);
}

std::optional<Time> optional_time(const sql::Row& row, std::size_t column) {
    if (row.is_null(column)) return std::nullopt;
    return row.time(column);
}

StoredPost read_post(sql::Row row) {
    StoredPost post;
    post.key = {row.id<PostId>(1), row.id<UserId>(0)};
    post.text = row.take_text(2);
    post.visibility = static_cast<Visibility>(row.number(3));
    post.hashtags = parse_list<std::string>(row.text(4));
    post.mentions = parse_list<Mention>(row.text(5));
    post.created_at = row.time(6);
    post.edited_at = optional_time(row, 7);
    post.version = row.number(8);
    post.is_deleted = !row.is_null(9);
    return post;
}

void read_counts(const sql::Row& row, StoredPost& post) {
    Reactions& counts = post.counts.reactions;
    counts.like = row.number(2);
    counts.celebrate = row.number(3);
    counts.support = row.number(4);
    counts.love = row.number(5);
    counts.insightful = row.number(6);
    counts.funny = row.number(7);
    counts.total = counts.like + counts.celebrate + counts.support + counts.love + counts.insightful + counts.funny;
    post.counts.comment_count = row.number(8);
}

void add_reactions(Reactions& reactions, ReactionKind kind, std::int64_t count) {
    reactions.total += count;
    switch (kind) {
    case ReactionKind::like: reactions.like += count; return;
    case ReactionKind::celebrate: reactions.celebrate += count; return;
    case ReactionKind::support: reactions.support += count; return;
    case ReactionKind::love: reactions.love += count; return;
    case ReactionKind::insightful: reactions.insightful += count; return;
    case ReactionKind::funny: reactions.funny += count; return;
    }
    throw Corrupt("a stored reaction is of no kind");
}

StoredComment read_comment(sql::Row row) {
    StoredComment comment;
    comment.id = row.id<CommentId>(0);
    comment.post_id = row.id<PostId>(1);
    comment.parent_id = row.id<CommentId>(2);
    comment.depth = row.number(3);
    comment.author_id = row.id<UserId>(4);
    comment.text = row.take_text(5);
    comment.mentions = parse_list<Mention>(row.text(6));
    comment.created_at = row.time(7);
    comment.edited_at = optional_time(row, 8);
    comment.version = row.number(9);
    comment.reply_count = row.number(10);
    comment.is_deleted = !row.is_null(11);
    return comment;
}

StoredReaction read_reaction(const sql::Row& row) {
    return {row.id<PostId>(0), row.id<UserId>(1), row.number(2), static_cast<ReactionKind>(row.number(3))};
}

std::vector<OwnReaction> read_own_reactions(sql::Rows rows) {
    std::vector<OwnReaction> out;
    out.reserve(rows.size());
    for (const sql::Row row : rows) out.emplace_back(row.id<PostId>(0), static_cast<ReactionKind>(row.number(1)));
    return out;
}

}  // namespace

Task<std::vector<StoredPost>> PostStore::list_posts(std::vector<PostKey> keys) {
    sql::Ids ids;
    ids.reserve(keys.size());
    bool are_routed = true;
    for (const PostKey& key : keys) {
        ids.push_back(key.id.value);
        are_routed = are_routed && key.author_id;
    }

    // With the authors known, counters and posts come in one round trip; otherwise the counters' rows tell the authors
    // first.
    sql::Rows counts;
    if (!are_routed) {
        counts = co_await database_.read(kListCounts, sql::params(ids));
        keys.clear();
        for (const sql::Row row : counts) keys.push_back({row.id<PostId>(0), row.id<UserId>(1)});
        if (keys.empty()) co_return std::vector<StoredPost>{};
    }
    std::vector<StoredPost> posts;
    posts.reserve(keys.size());
    for (std::size_t start = 0; start < keys.size(); start += kMaxPipelined) {
        const std::size_t end = std::min(keys.size(), start + kMaxPipelined);
        std::vector<sql::BoundStatement> calls;
        calls.reserve(end - start + 1);
        for (std::size_t i = start; i < end; ++i)
            calls.push_back({&kFindPost, sql::params(keys[i].author_id, keys[i].id)});
        const bool reads_counts = are_routed && start == 0;
        if (reads_counts) calls.push_back({&kListCounts, sql::params(ids)});
        std::vector<sql::Rows> answers = co_await database_.read_all(std::move(calls));
        if (reads_counts) {
            counts = std::move(answers.back());
            answers.pop_back();
        }
        for (sql::Rows& rows : answers)
            if (!rows.empty()) posts.push_back(read_post(rows[0]));
    }
    std::unordered_map<PostId, std::size_t> places;
    for (std::size_t i = 0; i < counts.size(); ++i) places.emplace(counts[i].id<PostId>(0), i);
    for (StoredPost& post : posts)
        if (const auto found = places.find(post.key.id); found != places.end() && !post.is_deleted)
            read_counts(counts[found->second], post);
    co_return posts;
}

Task<std::vector<std::vector<TimelineEntry>>> PostStore::list_timelines(std::vector<TimelineRequest> requests,
                                                                        std::size_t limit) {
    std::vector<std::vector<TimelineEntry>> timelines;
    timelines.reserve(requests.size());
    for (std::size_t start = 0; start < requests.size(); start += kMaxPipelined) {
        const std::size_t end = std::min(requests.size(), start + kMaxPipelined);
        std::vector<sql::BoundStatement> calls;
        calls.reserve(end - start);
        for (std::size_t i = start; i < end; ++i) {
            const TimelineRequest& request = requests[i];
            calls.push_back({&kListTimeline,
                             sql::params(request.author_id, request.below, static_cast<int>(request.audience), limit)});
        }
        std::vector<sql::Rows> answers = co_await database_.read_all(std::move(calls));
        for (sql::Rows& rows : answers) {
            std::vector<TimelineEntry>& timeline = timelines.emplace_back();
            timeline.reserve(rows.size());
            for (const sql::Row row : rows)
                timeline.push_back({row.id<PostId>(0), static_cast<Visibility>(row.number(1))});
        }
    }
    co_return timelines;
}

Task<std::vector<PostKey>> PostStore::list_by_hashtag(std::string tag, PostId below, bool only_public,
                                                      std::size_t limit) {
    sql::Rows rows;
    if (only_public) {
        rows = co_await database_.read(
            kListPublicByHashtag, sql::params(std::move(tag), below, limit, static_cast<int>(Visibility::everyone)));
    } else {
        rows = co_await database_.read(kListByHashtag, sql::params(std::move(tag), below, limit));
    }
    std::vector<PostKey> keys;
    keys.reserve(rows.size());
    for (const sql::Row row : rows) keys.push_back({row.id<PostId>(0), row.id<UserId>(1)});
    co_return keys;
}

Task<void> PostStore::insert_post(sql::Transaction& tx, const StoredPost& post) {
    co_await tx.execute(kInsertPost,
                        sql::params(post.key.author_id, post.key.id, post.text, static_cast<int>(post.visibility),
                                    json::to_json(post.hashtags), json::to_json(post.mentions), post.created_at));
    co_await tx.execute(kInsertCounts, sql::params(post.key.id, post.key.author_id));
    for (const std::string& tag : post.hashtags)
        co_await tx.execute(kInsertHashtag,
                            sql::params(tag, post.key.id, post.key.author_id, static_cast<int>(post.visibility)));
}

Task<std::optional<StoredPost>> PostStore::lock_post(sql::Transaction& tx, PostKey key) {
    sql::Rows rows = co_await tx.query(kLockPost, sql::params(key.author_id, key.id));
    if (rows.empty()) co_return std::nullopt;
    co_return read_post(rows[0]);
}

Task<void> PostStore::update_post(sql::Transaction& tx, const StoredPost& before, const StoredPost& after) {
    co_await tx.execute(kUpdatePost, sql::params(after.key.author_id, after.key.id, after.text,
                                                 static_cast<int>(after.visibility), json::to_json(after.hashtags),
                                                 json::to_json(after.mentions), after.edited_at, after.version));
    for (const std::string& tag : before.hashtags)
        if (std::ranges::find(after.hashtags, tag) == after.hashtags.end())
            co_await tx.execute(kRemoveHashtag, sql::params(tag, after.key.id));
    const bool is_same_audience = before.visibility == after.visibility;
    for (const std::string& tag : after.hashtags) {
        if (is_same_audience && std::ranges::find(before.hashtags, tag) != before.hashtags.end()) continue;
        co_await tx.execute(kInsertHashtag,
                            sql::params(tag, after.key.id, after.key.author_id, static_cast<int>(after.visibility)));
    }
}

Task<void> PostStore::erase_post(sql::Transaction& tx, const StoredPost& post, Time now) {
    co_await tx.execute(kErasePost, sql::params(post.key.author_id, post.key.id, now));
    co_await tx.execute(kEraseCounts, sql::params(post.key.id));
    for (const std::string& tag : post.hashtags) co_await tx.execute(kRemoveHashtag, sql::params(tag, post.key.id));
    co_await tx.execute(kInsertPurge, sql::params(post.key.id));
}

Task<std::optional<std::vector<UserId>>> PostStore::purge(std::size_t limit) {
    sql::Rows purges = co_await database_.read(kFindPurge, sql::params());
    if (purges.empty()) co_return std::nullopt;
    const PostId post = purges[0].id<PostId>(0);
    std::vector<UserId> reacted;

    auto remove = [&](sql::Transaction& tx) -> Task<Result<void>> {
        reacted.clear();
        // Another process may purge the same post: the rows that it removes would look like the last ones.
        const sql::Rows locked = co_await tx.query(kLockPurge, sql::params(post));
        if (locked.empty()) co_return Result<void>{};
        sql::Rows reactions = co_await tx.query(kRemoveReactionsOfPost, sql::params(post, limit));
        for (const sql::Row row : reactions) reacted.push_back(row.id<UserId>(0));
        sql::Ids users = sql::ids_of(std::span<const UserId>(reacted));
        co_await tx.execute(kRemoveReactionsByUsers, sql::params(std::move(users), post));
        sql::Rows comments = co_await tx.query(kRemoveCommentsOfPost, sql::params(post, limit));
        sql::Ids comment_ids;
        for (const sql::Row row : comments) {
            co_await tx.execute(kRemoveCommentOfUser, sql::params(row.number(1), row.number(0)));
            comment_ids.push_back(row.number(0));
        }
        co_await tx.execute(kRemoveCommentRoutes, sql::params(std::move(comment_ids)));
        if (reactions.size() < limit && comments.size() < limit) co_await tx.execute(kRemovePurge, sql::params(post));
        co_return Result<void>{};
    };
    const Result<void> removed = co_await database_.transact<void>(remove);
    assert(removed);
    co_return reacted;
}

Task<std::vector<OwnReaction>> PostStore::list_newest_reactions_of(UserId user, std::size_t limit) {
    co_return read_own_reactions(co_await database_.read(kListNewestReactionsOf, sql::params(user, limit)));
}

Task<std::vector<OwnReaction>> PostStore::list_reactions_of(UserId user, std::vector<PostId> posts) {
    sql::Ids ids = sql::ids_of(std::span<const PostId>(posts));
    co_return read_own_reactions(co_await database_.read(kListReactionsOf, sql::params(user, std::move(ids))));
}

Task<std::vector<StoredReaction>> PostStore::list_reactions(PostId post, std::optional<ReactionKind> kind,
                                                            std::int64_t below, std::size_t limit) {
    sql::Rows rows;
    if (kind) {
        rows = co_await database_.read(kListReactionsOfKind, sql::params(post, below, limit, static_cast<int>(*kind)));
    } else {
        rows = co_await database_.read(kListReactions, sql::params(post, below, limit));
    }
    std::vector<StoredReaction> reactions;
    reactions.reserve(rows.size());
    for (const sql::Row row : rows) reactions.push_back(read_reaction(row));
    co_return reactions;
}

Task<std::vector<StoredReaction>> PostStore::list_reaction_activity(UserId user, std::int64_t below,
                                                                    std::size_t limit) {
    sql::Rows rows = co_await database_.read(kListReactionActivity, sql::params(user, below, limit));
    std::vector<StoredReaction> reactions;
    reactions.reserve(rows.size());
    for (const sql::Row row : rows) reactions.push_back(read_reaction(row));
    co_return reactions;
}

Task<ReactionChange> PostStore::upsert_reaction(sql::Transaction& tx, StoredReaction reaction) {
    const int kind = static_cast<int>(reaction.kind);
    sql::Rows rows =
        co_await tx.query(kUpsertReaction, sql::params(reaction.post_id, reaction.user_id, reaction.id, kind));
    const std::int64_t previous = rows[0].number(1);
    ReactionChange change{std::nullopt, rows[0].number(0)};
    if (previous >= 0) change.previous = static_cast<ReactionKind>(previous);
    co_await tx.execute(kUpsertReactionOfUser, sql::params(reaction.user_id, reaction.post_id, change.id, kind));
    co_return change;
}

Task<std::optional<ReactionKind>> PostStore::remove_reaction(sql::Transaction& tx, PostId post, UserId user) {
    sql::Rows rows = co_await tx.query(kRemoveReaction, sql::params(post, user));
    if (rows.empty()) co_return std::nullopt;
    const auto kind = static_cast<ReactionKind>(rows[0].number(0));
    co_await tx.execute(kRemoveReactionOfUser, sql::params(user, post));
    co_return kind;
}

Task<bool> PostStore::insert_reaction(sql::Transaction& tx, StoredReaction reaction) {
    const int kind = static_cast<int>(reaction.kind);
    sql::Rows rows =
        co_await tx.query(kInsertReaction, sql::params(reaction.post_id, reaction.user_id, reaction.id, kind));
    if (rows.empty()) co_return false;
    co_await tx.execute(kUpsertReactionOfUser, sql::params(reaction.user_id, reaction.post_id, reaction.id, kind));
    co_return true;
}

Task<std::optional<UserId>> PostStore::add_to_counts(sql::Transaction& tx, PostId post, const KindDeltas& kinds,
                                                     std::int64_t comments) {
    sql::Rows rows = co_await tx.query(
        kAddToCounts, sql::params(post, kinds[0], kinds[1], kinds[2], kinds[3], kinds[4], kinds[5], comments));
    if (rows.empty()) co_return std::nullopt;
    co_return rows[0].id<UserId>(0);
}

Task<std::vector<std::pair<PostId, Counts>>> PostStore::list_counts_of(sql::Ids posts, sql::Ids users) {
    std::vector<sql::BoundStatement> calls;
    calls.push_back({&kListReactionCountsOf, sql::params(posts, users)});
    calls.push_back({&kListCommentCountsOf, sql::params(std::move(posts), std::move(users))});
    std::vector<sql::Rows> answers = co_await database_.read_all(std::move(calls));
    std::unordered_map<PostId, Counts> counts;
    for (const sql::Row row : answers[0])
        add_reactions(counts[row.id<PostId>(0)].reactions, static_cast<ReactionKind>(row.number(1)), row.number(2));
    for (const sql::Row row : answers[1]) counts[row.id<PostId>(0)].comment_count = row.number(1);
    co_return std::vector<std::pair<PostId, Counts>>(counts.begin(), counts.end());
}

Task<std::vector<std::pair<CommentId, std::int64_t>>> PostStore::list_reply_counts_of(PostId post, sql::Ids parents,
                                                                                      sql::Ids users) {
    sql::Rows rows =
        co_await database_.read(kListReplyCountsOf, sql::params(post, std::move(parents), std::move(users)));
    std::vector<std::pair<CommentId, std::int64_t>> counts;
    counts.reserve(rows.size());
    for (const sql::Row row : rows) counts.emplace_back(row.id<CommentId>(0), row.number(1));
    co_return counts;
}

Task<std::optional<PostId>> PostStore::find_comment_route(CommentId id) {
    sql::Rows rows = co_await database_.read(kFindCommentRoute, sql::params(id));
    if (rows.empty()) co_return std::nullopt;
    co_return rows[0].id<PostId>(0);
}

Task<std::optional<StoredComment>> PostStore::find_comment(PostId post, CommentId id) {
    sql::Rows rows = co_await database_.read(kFindComment, sql::params(post, id));
    if (rows.empty()) co_return std::nullopt;
    co_return read_comment(rows[0]);
}

Task<std::vector<StoredComment>> PostStore::list_comments(std::vector<std::pair<PostId, CommentId>> keys) {
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

Task<std::vector<StoredComment>> PostStore::list_comments_under(PostId post, CommentId parent, CommentId from,
                                                                bool newest_first, std::size_t limit) {
    const sql::Statement& statement = newest_first ? kListCommentsNewest : kListCommentsOldest;
    sql::Rows rows = co_await database_.read(statement, sql::params(post, parent, from, limit));
    std::vector<StoredComment> comments;
    comments.reserve(rows.size());
    for (const sql::Row row : rows) comments.push_back(read_comment(row));
    co_return comments;
}

Task<std::vector<std::pair<PostId, CommentId>>> PostStore::list_comments_of(UserId user, CommentId below,
                                                                            std::size_t limit) {
    sql::Rows rows = co_await database_.read(kListCommentsOf, sql::params(user, below, limit));
    std::vector<std::pair<PostId, CommentId>> keys;
    keys.reserve(rows.size());
    for (const sql::Row row : rows) keys.emplace_back(row.id<PostId>(0), row.id<CommentId>(1));
    co_return keys;
}

Task<void> PostStore::insert_comment(sql::Transaction& tx, const StoredComment& comment) {
    co_await tx.execute(kInsertComment,
                        sql::params(comment.post_id, comment.id, comment.parent_id, comment.depth, comment.author_id,
                                    comment.text, json::to_json(comment.mentions), comment.created_at));
    co_await tx.execute(kInsertCommentRoute, sql::params(comment.id, comment.post_id));
    co_await tx.execute(kInsertCommentOfUser, sql::params(comment.author_id, comment.id, comment.post_id));
}

Task<bool> PostStore::is_live_comment(sql::Transaction& tx, PostId post, CommentId id) {
    const sql::Rows rows = co_await tx.query(kIsLiveComment, sql::params(post, id));
    co_return !rows.empty();
}

Task<void> PostStore::add_reply(sql::Transaction& tx, PostId post, CommentId parent) {
    co_await tx.execute(kAddReply, sql::params(post, parent));
}

Task<std::optional<StoredComment>> PostStore::lock_comment(sql::Transaction& tx, PostId post, CommentId id) {
    sql::Rows rows = co_await tx.query(kLockComment, sql::params(post, id));
    if (rows.empty()) co_return std::nullopt;
    co_return read_comment(rows[0]);
}

Task<void> PostStore::update_comment(sql::Transaction& tx, const StoredComment& comment) {
    co_await tx.execute(kUpdateComment,
                        sql::params(comment.post_id, comment.id, comment.text, json::to_json(comment.mentions),
                                    comment.edited_at, comment.version));
}

Task<std::optional<RemovedComment>> PostStore::remove_comment(sql::Transaction& tx, PostId post, CommentId id,
                                                              Time now) {
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

Task<std::vector<std::pair<std::int64_t, std::int64_t>>> PostStore::list_imported(sql::Transaction& tx, sql::Ids keys) {
    sql::Rows rows = co_await tx.query(kListImported, sql::params(std::move(keys)));
    std::vector<std::pair<std::int64_t, std::int64_t>> out;
    out.reserve(rows.size());
    for (const sql::Row row : rows) out.emplace_back(row.number(0), row.number(1));
    co_return out;
}

Task<void> PostStore::insert_imported(sql::Transaction& tx, std::int64_t key, std::int64_t id) {
    co_await tx.execute(kInsertImported, sql::params(key, id));
}

namespace {
Task<sql::Ids> list_ids(sql::Transaction& tx, const sql::Statement& statement, sql::Ids ids) {
    sql::Rows rows = co_await tx.query(statement, sql::params(std::move(ids)));
    sql::Ids out;
    out.reserve(rows.size());
    for (const sql::Row row : rows) out.push_back(row.number(0));
    co_return out;
}
}  // namespace

Task<sql::Ids> PostStore::list_taken_post_ids(sql::Transaction& tx, sql::Ids ids) {
    return list_ids(tx, kListTakenPostIds, std::move(ids));
}

Task<sql::Ids> PostStore::list_taken_comment_ids(sql::Transaction& tx, sql::Ids ids) {
    return list_ids(tx, kListTakenCommentIds, std::move(ids));
}

}  // namespace guildhall::post
