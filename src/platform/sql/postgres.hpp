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
    std::string
        dsn;  // libpq connection string or URL; of several hosts the one that takes writes, first the last that did
    std::string schema;  // made by migrate() when absent, first in search_path
    std::size_t connections_per_thread = 8;
    std::size_t max_waiting = 1024;  // callers that wait for a connection, each thread; more are refused
    std::chrono::milliseconds statement_deadline{5000};  // then the connection is dropped and Unavailable thrown
    std::chrono::milliseconds connect_deadline{2000};    // for each host; a silent server is noticed in this time, too

    std::vector<std::string> replicas{};  // DSNs of streaming standbys, for reads
    std::shared_ptr<RecentWrites>
        recent_writes{};                      // shared with other processes of this database; null: there are none
    std::function<void()> on_primary_back{};  // drops what was cached while replicas were read in the primary's place
};

/// PostgreSQL 15+ by asynchronous libpq on the caller's io_context: a bounded pool for each thread, prepared statements, pipeline mode, so that a
/// transaction's execute() calls and its commit share a round trip. A lost connection throws Unavailable (a commit whose answer was lost
/// too: its outcome is unknown to the caller) and is replaced with back-off. Does not connect before the first call.
///
/// Replicas answer reads of calls that only read (async/call.hpp), and nothing else: those of statements marked Freshness::replica_ok, and all of them
/// while the primary is away. One does so only when it has replayed every commit to the read's keys that this process knows of; else the
/// primary answers, or Unavailable is thrown. See docs/adr/0010.
std::unique_ptr<Database> open_postgres(PostgresOptions options);

}  // namespace guildhall::sql
