#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/sql/database.hpp"
#include "platform/sql/recent_writes.hpp"

namespace guildhall::sql {

/// Options of the PostgreSQL driver.
struct PostgresOptions {
    // A libpq connection string or URL. Of several hosts, the one that takes writes is used.
    std::string dsn;
    std::string schema;  // created by migrate() if it is missing; first in search_path
    std::size_t connections_per_thread = 8;
    std::size_t max_waiting = 1024;  // callers per thread that wait for a connection; more are refused
    std::chrono::milliseconds statement_deadline{5000};  // then the connection is dropped and Unavailable thrown
    std::chrono::milliseconds connect_deadline{2000};    // for each host; also the time to detect a silent server

    std::vector<std::string> replicas{};  // DSNs of streaming standbys, for reads
    std::shared_ptr<RecentWrites>
        recent_writes{};                      // shared with other processes of this database; null: there are none
    std::function<void()> on_primary_back{};  // drops what was cached while replicas replaced the primary
};

/// PostgreSQL 15+ by asynchronous libpq on the caller's io_context: a bounded pool for each thread, prepared
/// statements, and pipeline mode, so that the execute() calls of a transaction and its commit share a round trip. A
/// lost connection throws Unavailable and is replaced with backoff. If the answer to a commit is lost, its outcome is
/// unknown. Does not connect before the first call.
///
/// Replicas are read only for calls that write nothing (async/call.hpp): for statements with Freshness::replica_ok, and
/// for all statements while the primary is unavailable. A replica answers only if it has replayed every commit to the
/// keys of the read that this process knows of; otherwise the primary answers, or Unavailable is thrown. See
/// docs/adr/0010.
std::unique_ptr<Database> open_postgres(PostgresOptions options);

}  // namespace guildhall::sql
