#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "platform/sql/database.hpp"
#include "platform/sql/sqlite_connection.hpp"

namespace guildhall::sql {

/// The read connections of one database: one for each thread that reads, opened by its first read. A connection is
/// closed when its thread ends or this is destroyed, whichever comes first.
class SqliteReaders {
public:
    SqliteReaders(std::filesystem::path file, std::size_t cache_bytes);
    ~SqliteReaders();
    SqliteReaders(const SqliteReaders&) = delete;
    SqliteReaders& operator=(const SqliteReaders&) = delete;

    /// Runs a statement on the calling thread's connection, after a read error once more on a new one. Throws
    /// Unavailable, Corrupt.
    Rows query(const Statement& statement, const Params& params);

    /// All connections of one database. The thread cache and the database share it; the first to end closes them.
    struct Registry;

private:
    Rows try_query(const Statement& statement, const Params& params);
    SqliteConnection& local();

    const std::uint64_t id_;  // unique, unlike an address
    const std::filesystem::path file_;
    const std::size_t cache_bytes_;
    const std::shared_ptr<Registry> registry_;
};

}  // namespace guildhall::sql
