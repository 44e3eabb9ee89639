#include "platform/http/idempotency.hpp"

#include "platform/sql/batches.hpp"

namespace guildhall::http {
namespace {

constexpr std::chrono::hours kRetention{24};

constexpr sql::Statement kInsert{
    "idempotency.insert",
    "INSERT INTO idempotency_keys"
    " (user_id, route, idempotency_key, fingerprint, status, location, body, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    " ON CONFLICT (user_id, route, idempotency_key) DO UPDATE SET"
    " fingerprint = excluded.fingerprint, status = excluded.status, location = excluded.location,"
    " body = excluded.body, created_at = excluded.created_at"
    " WHERE idempotency_keys.created_at < $9 RETURNING user_id"};
constexpr sql::Statement kFind{"idempotency.find",
                               "SELECT status, fingerprint, location, body FROM idempotency_keys"
                               " WHERE user_id = $1 AND route = $2 AND idempotency_key = $3 AND created_at >= $4"};
constexpr sql::Statement kPrune{
    "idempotency.prune",
    "DELETE FROM idempotency_keys WHERE created_at < $1 AND (user_id, route, idempotency_key) IN"
    " (SELECT user_id, route, idempotency_key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
    " RETURNING user_id"};

}  // namespace

const char* const kIdempotencySchema =
    "CREATE TABLE idempotency_keys (user_id bigint NOT NULL, route text NOT NULL, idempotency_key text NOT NULL,"
    " fingerprint text NOT NULL, status bigint NOT NULL, location text NOT NULL, body text NOT NULL,"
    " created_at bigint NOT NULL, PRIMARY KEY (user_id, route, idempotency_key));\n"
    "CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);\n";

Task<Result<void>> IdempotencyClaim::record(sql::Transaction& tx, int status, std::string location, std::string body) {
    sql::Params row = sql::params(user_, route_, key_, fingerprint_, status, std::move(location), std::move(body), now_,
                                  now_ - kRetention);
    const sql::Rows inserted = co_await tx.query(kInsert, std::move(row));
    if (inserted.empty())
        co_return Error{Code::conflict, "a request with this Idempotency-Key was answered meanwhile",
                        "idempotency_race"};
    recorded_ = true;
    co_return Result<void>{};
}

Task<std::optional<StoredAnswer>> find_stored_answer(sql::Database& database, UserId user, std::string_view route,
                                                     std::string_view key, Time now) {
    sql::Rows rows = co_await database.read(kFind, sql::params(user, route, key, now - kRetention));
    if (rows.empty()) co_return std::nullopt;
    sql::Row row = rows[0];
    co_return StoredAnswer{static_cast<int>(row.number(0)), row.take_text(1), row.take_text(2), row.take_text(3)};
}

Task<bool> prune_idempotency_keys(sql::Database& database, Time now) {
    co_return co_await sql::delete_in_batches(database, kPrune, sql::params(now - kRetention));
}

}  // namespace guildhall::http
