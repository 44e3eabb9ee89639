#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>

#include "platform/base/metrics.hpp"
#include "platform/sql/database.hpp"

struct sqlite3;
struct sqlite3_file;
struct sqlite3_stmt;

namespace guildhall::sql {

/// The file system failed under SQLite: a read or write error, not a full disk.
class DiskError : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// One SQLite connection with its prepared statements. For one thread at a time.
class SqliteConnection {
public:
    /// Whether it may write.
    enum class Mode { write, read };

    /// Opens `file`, which is created for writing if it is missing. Throws Unavailable.
    SqliteConnection(const std::filesystem::path& file, Mode mode, std::size_t cache_bytes);
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    /// Runs a statement to its end. Throws ConstraintViolation, Unavailable, Corrupt.
    Rows query(const Statement& statement, const Params& params);

    /// Runs one statement without parameters, not cached.
    void execute(const std::string& text);

    void begin() { step(begin_); }
    void commit() { step(commit_); }
    void savepoint() { step(savepoint_); }
    void release() { step(release_); }
    /// Undoes the changes since savepoint(), and ends the savepoint.
    void rollback_to_savepoint();
    /// Ends the transaction, if there is one. Does not throw.
    void rollback() noexcept;
    /// False when SQLite has rolled back the transaction by itself (full disk, I/O error).
    bool in_transaction() const;

    /// The number of pages in the write-ahead log after the last commit.
    int log_pages() const { return log_pages_; }
    /// Copies the pages that readers do not hold from the log into the file and syncs both; the log is then written
    /// from its start again. With `truncate`, waits for readers and empties the log. Throws Unavailable.
    void checkpoint(bool truncate);

    /// Removes from the log what a commit that failed has left there, so that it is not found when the log is read
    /// again. To be called outside a transaction. Throws Unavailable.
    void cut_log();

    /// Makes commits with a weaker `PRAGMA synchronous`, and cut_log(), durable. Throws Unavailable.
    void sync_log();

private:
    struct Prepared {
        sqlite3_stmt* handle = nullptr;
        metrics::Histogram* duration = nullptr;
        int parameters = 0;
    };

    void set_up(const std::filesystem::path& file, Mode mode, std::size_t cache_bytes);
    void use_write_ahead_log(const std::filesystem::path& file);
    Prepared& prepare(const Statement& statement);
    sqlite3_stmt* compile(std::string_view text, const char* name);
    void step(sqlite3_stmt* statement);
    void sync(int which);
    sqlite3_file& file(int which) const;
    std::int64_t log_bytes() const;
    bool has_disk_error(int result) const;
    [[noreturn]] void fail(int result, const char* what) const;

    sqlite3* db_ = nullptr;
    metrics::Counter& disk_errors_;
    int log_pages_ = 0;
    sqlite3_stmt* begin_ = nullptr;
    sqlite3_stmt* commit_ = nullptr;
    sqlite3_stmt* rollback_ = nullptr;
    sqlite3_stmt* savepoint_ = nullptr;
    sqlite3_stmt* release_ = nullptr;
    sqlite3_stmt* rollback_to_ = nullptr;
    // By the address of the text, because statements are constants.
    boost::unordered_flat_map<const char*, Prepared> statements_;
};

}  // namespace guildhall::sql
