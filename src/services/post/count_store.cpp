#include "services/post/count_store.hpp"

#include <unordered_map>

namespace guildhall::post {
namespace {

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
    "SELECT post_id, COUNT(*) FROM comments "
    "WHERE post_id IN ($1:ids) AND author_id IN ($2:ids) AND deleted_at IS NULL GROUP BY post_id"};
// Of others, below comments of these members. Most comments have no replies: only those that have some are walked.
constexpr sql::Statement kCountReplyTreesOf{
    "post.count_reply_trees_of",
    "WITH RECURSIVE unseen (id, author_id, deleted_at) AS ("
    "SELECT id, author_id, deleted_at FROM comments "
    "WHERE post_id = $1 AND author_id IN ($2:ids) AND deleted_at IS NULL AND reply_count > 0 "
    "UNION SELECT c.id, c.author_id, c.deleted_at FROM unseen u JOIN comments c "
    "ON c.post_id = $1 AND c.parent_id = u.id AND (c.deleted_at IS NULL OR c.reply_count > 0)) "
    "SELECT COUNT(*) FROM unseen WHERE deleted_at IS NULL AND author_id NOT IN ($2:ids)"};
constexpr sql::Statement kListReactors{"post.list_reactors",
                                       "SELECT DISTINCT user_id FROM reactions WHERE post_id IN ($1:ids)"};
constexpr sql::Statement kListCommenters{
    "post.list_commenters", "SELECT DISTINCT author_id FROM comments WHERE post_id IN ($1:ids) AND deleted_at IS NULL"};

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

}  // namespace

Task<std::optional<UserId>> CountStore::add(sql::Transaction& tx, PostId post, const KindDeltas& kinds,
                                            std::int64_t comments) {
    sql::Rows rows = co_await tx.query(
        kAddToCounts, sql::params(post, kinds[0], kinds[1], kinds[2], kinds[3], kinds[4], kinds[5], comments));
    if (rows.empty()) co_return std::nullopt;
    co_return rows[0].id<UserId>(0);
}

Task<std::vector<std::pair<PostId, Counts>>> CountStore::list_made_by(sql::Ids users, sql::Ids posts) {
    std::vector<sql::BoundStatement> calls;
    calls.push_back({&kListReactionCountsOf, sql::params(posts, users)});
    calls.push_back({&kListCommentCountsOf, sql::params(posts, users)});
    // One for each post: Citus refuses a recursive query over several keys.
    for (const std::int64_t post : posts) calls.push_back({&kCountReplyTreesOf, sql::params(post, users)});
    std::vector<sql::Rows> answers = co_await database_.read_all(std::move(calls));
    std::unordered_map<PostId, Counts> counts;
    for (const sql::Row row : answers[0])
        add_reactions(counts[row.id<PostId>(0)].reactions, static_cast<ReactionKind>(row.number(1)), row.number(2));
    for (const sql::Row row : answers[1]) counts[row.id<PostId>(0)].comment_count += row.number(1);
    for (std::size_t i = 0; i < posts.size(); ++i) {
        const std::int64_t replies = answers[i + 2][0].number(0);
        if (replies > 0) counts[PostId{posts[i]}].comment_count += replies;
    }
    co_return std::vector<std::pair<PostId, Counts>>(counts.begin(), counts.end());
}

Task<sql::Ids> CountStore::list_participants(sql::Ids posts) {
    std::vector<sql::BoundStatement> calls;
    calls.push_back({&kListReactors, sql::params(posts)});
    calls.push_back({&kListCommenters, sql::params(std::move(posts))});
    std::vector<sql::Rows> answers = co_await database_.read_all(std::move(calls));
    sql::Ids users;
    users.reserve(answers[0].size() + answers[1].size());
    for (sql::Rows& rows : answers)
        for (const sql::Row row : rows) users.push_back(row.number(0));
    co_return users;
}

}  // namespace guildhall::post
