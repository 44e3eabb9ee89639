#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// Options of the PostgreSQL driver.
struct PostgresOptions {
    std::string dsn;     // libpq connection string or URL; several hosts are tried in order
    std::string schema;  // made by migrate() when absent, first in search_path
    std::size_t connections_per_thread = 8;
    std::size_t max_waiting = 1024;  // callers that wait for a connection, each thread; more are refused
    std::chrono::milliseconds statement_deadline{5000};  // then the connection is dropped and Unavailable thrown
    std::chrono::milliseconds connect_deadline{2000};
};

/// PostgreSQL 15+ by asynchronous libpq on the caller's io_context: a bounded pool for each thread, prepared statements, pipeline mode, so that a
/// transaction's execute() calls and its commit share a round trip. A lost connection throws Unavailable (a commit whose answer was lost
/// too: its outcome is unknown to the caller) and is replaced with back-off. Does not connect before the first call.
std::unique_ptr<Database> open_postgres(PostgresOptions options);

}  // namespace guildhall::sql
