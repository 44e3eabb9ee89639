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

/// SQLite in WAL mode with synchronous=FULL. Reads run on the calling thread, on a connection and statement cache of that thread; writes queue to
/// one writer thread that runs many transactions in one commit, each in its savepoint: one fsync for all who wait. A commit that fails
/// (fsync error, full disk) fails all of its transactions; none is acknowledged. Tables are made WITHOUT ROWID: each has a primary key.
/// Throws Unavailable when the file cannot be opened.
std::unique_ptr<Database> open_sqlite(SqliteOptions options);

}  // namespace guildhall::sql
