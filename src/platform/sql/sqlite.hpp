#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>

#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// Options of the embedded database.
struct SqliteOptions {
    std::filesystem::path file;
    std::size_t max_waiting_writes = 4096;  // more are refused with Unavailable
    std::size_t max_batch = 256;            // transactions in one commit
    std::size_t cache_bytes = 8 << 20;      // page cache of each connection
};

/// SQLite in WAL mode with synchronous=FULL. Reads run on the calling thread, with a connection and statement cache of
/// that thread. Writes queue for one writer thread, which runs many transactions in one commit, each in its savepoint:
/// one fsync serves all. A commit that fails (fsync error, full disk) fails all of its transactions; none is
/// acknowledged, and what it left in the log is removed before the callers are notified. Tables may be created WITHOUT
/// ROWID, so each must have a primary key. Throws Unavailable when the file cannot be opened.
std::unique_ptr<Database> open_sqlite(SqliteOptions options);

}  // namespace guildhall::sql
