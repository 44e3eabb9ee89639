#include "services/post/import_store.hpp"

namespace guildhall::post {
namespace {

constexpr sql::Statement kListImported{"post.list_imported", "SELECT key, id FROM imported WHERE key IN ($1:ids)"};
constexpr sql::Statement kInsertImported{"post.insert_imported", "INSERT INTO imported (key, id) VALUES ($1, $2)"};
constexpr sql::Statement kListTakenPostIds{"post.list_taken_post_ids",
                                           "SELECT post_id FROM post_counts WHERE post_id IN ($1:ids)"};
constexpr sql::Statement kListTakenCommentIds{"post.list_taken_comment_ids",
                                              "SELECT comment_id FROM comment_routes WHERE comment_id IN ($1:ids)"};

Task<sql::Ids> list_ids(sql::Transaction& tx, const sql::Statement& statement, sql::Ids ids) {
    sql::Rows rows = co_await tx.query(statement, sql::params(std::move(ids)));
    sql::Ids out;
    out.reserve(rows.size());
    for (const sql::Row row : rows) out.push_back(row.number(0));
    co_return out;
}

}  // namespace

Task<std::vector<std::pair<std::int64_t, std::int64_t>>> ImportStore::list(sql::Transaction& tx, sql::Ids keys) {
    sql::Rows rows = co_await tx.query(kListImported, sql::params(std::move(keys)));
    std::vector<std::pair<std::int64_t, std::int64_t>> out;
    out.reserve(rows.size());
    for (const sql::Row row : rows) out.emplace_back(row.number(0), row.number(1));
    co_return out;
}

Task<void> ImportStore::insert(sql::Transaction& tx, std::int64_t key, std::int64_t id) {
    co_await tx.execute(kInsertImported, sql::params(key, id));
}

Task<sql::Ids> ImportStore::list_taken_post_ids(sql::Transaction& tx, sql::Ids ids) {
    return list_ids(tx, kListTakenPostIds, std::move(ids));
}

Task<sql::Ids> ImportStore::list_taken_comment_ids(sql::Transaction& tx, sql::Ids ids) {
    return list_ids(tx, kListTakenCommentIds, std::move(ids));
}

}  // namespace guildhall::post
