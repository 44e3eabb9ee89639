#include "services/post/post_store.hpp"

#include <algorithm>
#include <unordered_map>

#include "platform/json/write.hpp"
#include "services/post/stored_columns.hpp"

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

// A pipeline is written before it is read: this bounds what waits in the socket's buffers.
constexpr std::size_t kMaxPipelined = 128;

StoredPost read_post(sql::Row row) {
    StoredPost post;
    post.key = {row.id<PostId>(1), row.id<UserId>(0)};
    post.text = row.take_text(2);
    post.visibility = static_cast<Visibility>(row.number(3));
    post.hashtags = stored_list<std::string>(row.text(4));
    post.mentions = stored_list<Mention>(row.text(5));
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

}  // namespace

Task<std::vector<StoredPost>> PostStore::list(std::vector<PostKey> keys) {
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

Task<void> PostStore::insert(sql::Transaction& tx, const StoredPost& post) {
    co_await tx.execute(kInsertPost,
                        sql::params(post.key.author_id, post.key.id, post.text, static_cast<int>(post.visibility),
                                    json::to_json(post.hashtags), json::to_json(post.mentions), post.created_at));
    co_await tx.execute(kInsertCounts, sql::params(post.key.id, post.key.author_id));
    for (const std::string& tag : post.hashtags)
        co_await tx.execute(kInsertHashtag,
                            sql::params(tag, post.key.id, post.key.author_id, static_cast<int>(post.visibility)));
}

Task<std::optional<StoredPost>> PostStore::lock(sql::Transaction& tx, PostKey key) {
    sql::Rows rows = co_await tx.query(kLockPost, sql::params(key.author_id, key.id));
    if (rows.empty()) co_return std::nullopt;
    co_return read_post(rows[0]);
}

Task<void> PostStore::update(sql::Transaction& tx, const StoredPost& before, const StoredPost& after) {
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

Task<void> PostStore::erase(sql::Transaction& tx, const StoredPost& post, Time now) {
    co_await tx.execute(kErasePost, sql::params(post.key.author_id, post.key.id, now));
    co_await tx.execute(kEraseCounts, sql::params(post.key.id));
    for (const std::string& tag : post.hashtags) co_await tx.execute(kRemoveHashtag, sql::params(tag, post.key.id));
    co_await tx.execute(kInsertPurge, sql::params(post.key.id));
}

Task<std::optional<PostId>> PostStore::find_purge() {
    sql::Rows purges = co_await database_.read(kFindPurge, sql::params());
    if (purges.empty()) co_return std::nullopt;
    co_return purges[0].id<PostId>(0);
}

Task<bool> PostStore::lock_purge(sql::Transaction& tx, PostId post) {
    const sql::Rows locked = co_await tx.query(kLockPurge, sql::params(post));
    co_return !locked.empty();
}

Task<void> PostStore::remove_purge(sql::Transaction& tx, PostId post) {
    co_await tx.execute(kRemovePurge, sql::params(post));
}

}  // namespace guildhall::post
