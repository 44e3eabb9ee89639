// What only the SQLite driver promises: durability, and that disk errors are reported and survived.
#include "platform/sql/sqlite.hpp"

#include <atomic>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "platform/sql/sqlite_connection.hpp"
#include "support/databases.hpp"

namespace guildhall::sql {
namespace {

// A file system below SQLite that fails on demand: every file is the real one behind our own table of methods.
class FailingDisk {
public:
    static inline std::atomic<bool> sync_fails{false};
    static inline std::atomic<bool> is_full{false};
    static inline std::atomic<int> reads_fail{0};  // the number of reads that fail with EIO

    static void install() {
        static sqlite3_vfs vfs = [] {
            real_ = sqlite3_vfs_find(nullptr);
            sqlite3_vfs copy = *real_;
            copy.zName = "failing";
            copy.xOpen = open;
            return copy;
        }();
        sqlite3_vfs_register(&vfs, 1);
    }
    static void repair() {
        sync_fails = is_full = false;
        reads_fail = 0;
    }

private:
    // The real file comes first, so that all other methods are the real ones, on a real file.
    static int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
        const int result = real_->xOpen(real_, name, file, flags, out);
        if (result != SQLITE_OK || !file->pMethods) return result;
        static std::mutex mutex;
        static std::map<const sqlite3_io_methods*, std::unique_ptr<sqlite3_io_methods>> tables;
        const std::lock_guard lock(mutex);
        auto& table = tables[file->pMethods];
        if (!table) {
            table = std::make_unique<sqlite3_io_methods>(*file->pMethods);
            write_ = file->pMethods->xWrite;
            sync_ = file->pMethods->xSync;
            read_ = file->pMethods->xRead;
            control_ = file->pMethods->xFileControl;
            table->xWrite = write;
            table->xSync = sync;
            table->xRead = read;
            table->xFileControl = control;
        }
        file->pMethods = table.get();
        return result;
    }
    static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
        return is_full ? SQLITE_FULL : write_.load()(file, bytes, count, at);
    }
    static int sync(sqlite3_file* file, int flags) {
        return sync_fails ? SQLITE_IOERR_FSYNC : sync_.load()(file, flags);
    }

    // As the real one for a sector that cannot be read.
    static int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 at) {
        if (reads_fail <= 0) return read_.load()(file, bytes, count, at);
        --reads_fail;
        has_failed_ = true;
        return SQLITE_IOERR_CORRUPTFS;
    }
    static int control(sqlite3_file* file, int what, void* out) {
        if (what != SQLITE_FCNTL_LAST_ERRNO) return control_.load()(file, what, out);
        *static_cast<int*>(out) = has_failed_ ? EIO : 0;
        return SQLITE_OK;
    }

    static inline std::atomic<bool> has_failed_{false};
    static inline sqlite3_vfs* real_ = nullptr;
    static inline std::atomic<int (*)(sqlite3_file*, const void*, int, sqlite3_int64)> write_{};
    static inline std::atomic<int (*)(sqlite3_file*, int)> sync_{};
    static inline std::atomic<int (*)(sqlite3_file*, void*, int, sqlite3_int64)> read_{};
    static inline std::atomic<int (*)(sqlite3_file*, int, void*)> control_{};
};

constexpr Statement kInsert{"test.insert", "INSERT INTO items(id, text) VALUES($1, $2)"};
constexpr Statement kCount{"test.count", "SELECT COUNT(*) FROM items"};
constexpr Statement kIntegrity{"test.integrity", "PRAGMA integrity_check"};

class SqliteDriver : public testing::Test {
protected:
    void SetUp() override {
        FailingDisk::install();
        open();
        const Migration migration{"test/0001", "CREATE TABLE items(id bigint PRIMARY KEY, text text)"};
        database_->migrate({&migration, 1});
    }
    void TearDown() override { FailingDisk::repair(); }

    void open() { database_ = open_sqlite({.file = folder_.path() / "test.db"}); }
    // Writes `count` rows from `first` on, concurrently. Returns the codes of those that were refused.
    std::vector<Code> write(std::int64_t first, int count) {
        std::vector<Code> refused;
        const auto one = [&](std::int64_t id) -> Task<void> {
            const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
                co_await tx.execute(kInsert, params(id, "text"));
                co_return true;
            };
            try {
                const auto result = co_await database_->transact<bool>(body);
                EXPECT_TRUE(result.has_value());
            } catch (const Unavailable& failure) {
                refused.push_back(failure.code);
            }
        };
        for (int i = 0; i < count; ++i) loop_.spawn(one(first + i));
        loop_.run();
        return refused;
    }
    // The number of rows that a process finds that starts after this one was killed: it reads the files as they are.
    std::int64_t count_after_kill() {
        const test::TemporaryFolder copy;
        for (const char* name : {"test.db", "test.db-wal"})
            std::filesystem::copy_file(folder_.path() / name, copy.path() / name);
        const auto started = open_sqlite({.file = copy.path() / "test.db"});
        return loop_.run(started->read(kCount, {}))[0].number(0);
    }
    std::int64_t count() { return loop_.run(database_->read(kCount, {}))[0].number(0); }

    test::TemporaryFolder folder_;
    test::TestLoop loop_;
    std::unique_ptr<Database> database_;
};

TEST_F(SqliteDriver, WritesAreDurableByTheLog) {
    SqliteConnection connection(folder_.path() / "test.db", SqliteConnection::Mode::write, 1 << 20);
    const auto pragma = [&](const char* text) { return connection.query(Statement{"test.pragma", text}, {}); };
    EXPECT_EQ(pragma("PRAGMA journal_mode")[0].text(0), "wal");
    EXPECT_EQ(pragma("PRAGMA synchronous")[0].number(0), 2);
    EXPECT_EQ(pragma("PRAGMA foreign_keys")[0].number(0), 1);
}

TEST_F(SqliteDriver, AFailedSyncFailsTheWholeBatchAndTheWriterRecovers) {
    EXPECT_TRUE(write(0, 10).empty());
    FailingDisk::sync_fails = true;
    EXPECT_EQ(write(100, 20), std::vector<Code>(20, Code::unavailable));
    EXPECT_EQ(write(200, 5), std::vector<Code>(5, Code::unavailable));
    EXPECT_EQ(count(), 10);  // reads continue
    FailingDisk::repair();
    EXPECT_TRUE(write(100, 20).empty());
    EXPECT_EQ(count(), 30);
    database_.reset();
    open();
    EXPECT_EQ(count(), 30);
    EXPECT_EQ(loop_.run(database_->read(kIntegrity, {}))[0].text(0), "ok");
}

// [F: a refused write returns]
TEST_F(SqliteDriver, WhatAFailedSyncRefusedIsNotThereAfterAKill) {
    EXPECT_TRUE(write(0, 10).empty());
    FailingDisk::sync_fails = true;
    EXPECT_EQ(write(100, 1).size(), 1U);
    EXPECT_EQ(count_after_kill(), 10);
    EXPECT_EQ(write(200, 20).size(), 20U);
    EXPECT_EQ(count_after_kill(), 10);
    FailingDisk::repair();
    EXPECT_TRUE(write(300, 5).empty());
    EXPECT_EQ(count_after_kill(), 15);
}

// [F: a refused write returns] The log was copied into the file before, so the refused commit is its first.
TEST_F(SqliteDriver, WhatAFailedSyncRefusedIsNotThereAfterAKillWhenTheLogHasStartedAgain) {
    EXPECT_TRUE(write(0, 10).empty());
    {
        SqliteConnection other(folder_.path() / "test.db", SqliteConnection::Mode::write, 1 << 20);
        other.checkpoint(false);
    }
    FailingDisk::sync_fails = true;
    EXPECT_EQ(write(100, 1).size(), 1U);
    EXPECT_EQ(count_after_kill(), 10);
    EXPECT_EQ(count(), 10);
    FailingDisk::repair();
    EXPECT_TRUE(write(100, 1).empty());
    EXPECT_EQ(count_after_kill(), 11);
}

TEST_F(SqliteDriver, ItIsNotWritableFromAWriteThatFailedUntilOneSucceeds) {
    EXPECT_TRUE(database_->is_writable());
    FailingDisk::is_full = true;
    EXPECT_EQ(write(0, 1).size(), 1U);
    EXPECT_FALSE(database_->is_writable());
    FailingDisk::repair();
    EXPECT_FALSE(database_->is_writable());
    EXPECT_TRUE(write(0, 1).empty());
    EXPECT_TRUE(database_->is_writable());
}

// [F: read error]
TEST_F(SqliteDriver, AReadErrorIsTriedAgainAndThenUnavailable) {
    EXPECT_TRUE(write(0, 10).empty());
    database_.reset();
    open();  // nothing is in memory
    EXPECT_EQ(count(), 10);
    database_.reset();
    open();
    FailingDisk::reads_fail = 1;
    EXPECT_EQ(count(), 10);
    database_.reset();
    open();
    FailingDisk::reads_fail = 1000;
    EXPECT_THROW(count(), Unavailable);
    FailingDisk::repair();
    EXPECT_EQ(count(), 10);
}

TEST_F(SqliteDriver, AFullDiskIsInsufficientStorageAndTheWriterRecovers) {
    EXPECT_TRUE(write(0, 10).empty());
    FailingDisk::is_full = true;
    EXPECT_EQ(write(100, 20), std::vector<Code>(20, Code::insufficient_storage));
    EXPECT_EQ(count(), 10);
    FailingDisk::repair();
    EXPECT_TRUE(write(100, 20).empty());
    EXPECT_EQ(count(), 30);
    EXPECT_EQ(loop_.run(database_->read(kIntegrity, {}))[0].text(0), "ok");
}

TEST_F(SqliteDriver, TheLogIsCopiedIntoTheFileAndStartsAgain) {
    const std::string text(3000, 'x');
    const auto one = [&](std::int64_t id) -> Task<void> {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kInsert, params(id, text));
            co_return true;
        };
        const auto result = co_await database_->transact<bool>(body);
        EXPECT_TRUE(result.has_value());
    };
    for (std::int64_t id = 0; id < 6000; ++id) {
        loop_.spawn(one(id));
        if (id % 100 == 99) loop_.run();
    }
    EXPECT_EQ(count(), 6000);
    EXPECT_LT(std::filesystem::file_size(folder_.path() / "test.db-wal"), 40U << 20);
    EXPECT_GT(std::filesystem::file_size(folder_.path() / "test.db"), 10U << 20);
}

TEST_F(SqliteDriver, AFolderThatIsNotThereIsUnavailable) {
    EXPECT_THROW(open_sqlite({.file = folder_.path() / "absent" / "test.db"}), Unavailable);
}

}  // namespace
}  // namespace guildhall::sql
