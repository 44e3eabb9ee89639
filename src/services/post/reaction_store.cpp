#include "services/post/reaction_store.hpp"

#include <span>

namespace guildhall::post {
namespace {

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
constexpr sql::Statement kRemoveReactionsOfPost{
    "post.remove_reactions_of_post",
    "DELETE FROM reactions WHERE post_id = $1 AND user_id IN "
    "(SELECT user_id FROM reactions WHERE post_id = $1 LIMIT $2) RETURNING user_id"};
constexpr sql::Statement kRemoveReactionsByUsers{
    "post.remove_reactions_by_users", "DELETE FROM reactions_by_user WHERE user_id IN ($1:ids) AND post_id = $2"};

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

Task<std::vector<OwnReaction>> ReactionStore::list_newest_of(UserId user, std::size_t limit) {
    co_return read_own_reactions(co_await database_.read(kListNewestReactionsOf, sql::params(user, limit)));
}

Task<std::vector<OwnReaction>> ReactionStore::list_of(UserId user, std::vector<PostId> posts) {
    sql::Ids ids = sql::ids_of(std::span<const PostId>(posts));
    co_return read_own_reactions(co_await database_.read(kListReactionsOf, sql::params(user, std::move(ids))));
}

Task<std::vector<StoredReaction>> ReactionStore::list(PostId post, std::optional<ReactionKind> kind, std::int64_t below,
                                                      std::size_t limit) {
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

Task<std::vector<StoredReaction>> ReactionStore::list_by_user(UserId user, std::int64_t below, std::size_t limit) {
    sql::Rows rows = co_await database_.read(kListReactionActivity, sql::params(user, below, limit));
    std::vector<StoredReaction> reactions;
    reactions.reserve(rows.size());
    for (const sql::Row row : rows) reactions.push_back(read_reaction(row));
    co_return reactions;
}

Task<ReactionChange> ReactionStore::upsert(sql::Transaction& tx, StoredReaction reaction) {
    const int kind = static_cast<int>(reaction.kind);
    sql::Rows rows =
        co_await tx.query(kUpsertReaction, sql::params(reaction.post_id, reaction.user_id, reaction.id, kind));
    const std::int64_t previous = rows[0].number(1);
    ReactionChange change{std::nullopt, rows[0].number(0)};
    if (previous >= 0) change.previous = static_cast<ReactionKind>(previous);
    co_await tx.execute(kUpsertReactionOfUser, sql::params(reaction.user_id, reaction.post_id, change.id, kind));
    co_return change;
}

Task<bool> ReactionStore::insert(sql::Transaction& tx, StoredReaction reaction) {
    const int kind = static_cast<int>(reaction.kind);
    sql::Rows rows =
        co_await tx.query(kInsertReaction, sql::params(reaction.post_id, reaction.user_id, reaction.id, kind));
    if (rows.empty()) co_return false;
    co_await tx.execute(kUpsertReactionOfUser, sql::params(reaction.user_id, reaction.post_id, reaction.id, kind));
    co_return true;
}

Task<std::optional<ReactionKind>> ReactionStore::remove(sql::Transaction& tx, PostId post, UserId user) {
    sql::Rows rows = co_await tx.query(kRemoveReaction, sql::params(post, user));
    if (rows.empty()) co_return std::nullopt;
    const auto kind = static_cast<ReactionKind>(rows[0].number(0));
    co_await tx.execute(kRemoveReactionOfUser, sql::params(user, post));
    co_return kind;
}

Task<std::vector<UserId>> ReactionStore::purge(sql::Transaction& tx, PostId post, std::size_t limit) {
    sql::Rows rows = co_await tx.query(kRemoveReactionsOfPost, sql::params(post, limit));
    std::vector<UserId> reacted;
    reacted.reserve(rows.size());
    for (const sql::Row row : rows) reacted.push_back(row.id<UserId>(0));
    sql::Ids users = sql::ids_of(std::span<const UserId>(reacted));
    co_await tx.execute(kRemoveReactionsByUsers, sql::params(std::move(users), post));
    co_return reacted;
}

}  // namespace guildhall::post
