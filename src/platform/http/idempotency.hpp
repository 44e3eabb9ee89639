#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "platform/http/caller.hpp"
#include "platform/json/write.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::http {

/// The table of keys; part of the schema of every service with idempotent routes.
extern const char* const kIdempotencySchema;

/// A request's Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header-07), scoped to the member and the route.
/// The service records its answer in the transaction of the fact, so that the key and the fact are durable together or
/// not at all.
class IdempotencyClaim {
public:
    IdempotencyClaim(UserId user, std::string route, std::string key, std::string fingerprint, Time now)
        : user_(user),
          route_(std::move(route)),
          key_(std::move(key)),
          fingerprint_(std::move(fingerprint)),
          now_(now) {}

    /// Records the answer. A row of the same key (a concurrent request that won) rolls the transaction back with
    /// conflict.
    Task<Result<void>> record(sql::Transaction& tx, int status, std::string location, std::string body);
    bool recorded() const { return recorded_; }

private:
    UserId user_;
    std::string route_;
    std::string key_;
    std::string fingerprint_;
    Time now_;
    bool recorded_ = false;
};

/// Records `answer` (201) under the request's key, if it has one. The last statement of a creating transaction.
template <class T>
Task<Result<void>> remember(sql::Transaction& tx, const RequestContext& request, const T& answer,
                            std::string location) {
    if (!request.idempotency) co_return Result<void>{};
    co_return co_await request.idempotency->record(tx, 201, std::move(location), json::to_json(answer));
}

/// What is known of a key.
struct StoredAnswer {
    int status;
    std::string fingerprint;
    std::string location;
    std::string body;
};

/// The stored answer of a key that was used in the last 24 hours, or nothing.
Task<std::optional<StoredAnswer>> find_stored_answer(sql::Database& database, UserId user, std::string_view route,
                                                     std::string_view key, Time now);

/// Deletes keys older than 24 hours, in batches. Call hourly; when it gives false, time ran out before all were
/// deleted: then soon again.
Task<bool> prune_idempotency_keys(sql::Database& database, Time now);

}  // namespace guildhall::http
