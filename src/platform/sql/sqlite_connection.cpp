#include "platform/sql/sqlite_connection.hpp"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstring>
#include <mutex>
#include <thread>

#include <sqlite3.h>

#include "platform/base/text.hpp"
#include "platform/sql/dialect.hpp"
#include "platform/sql/statement_timer.hpp"

namespace guildhall::sql {
namespace {

constexpr std::chrono::milliseconds kBusyTimeout{5000};
constexpr long long kLogBytesKept = 64LL << 20;

/// Called before the first connection of the process: no global memory statistics (a mutex around each allocation), and
/// savepoint journals in memory.
void configure_once() {
    static std::once_flag once;
    std::call_once(once, [] {
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
        sqlite3_initialize();
    });
}

std::string json_array(const Ids& ids) {
    std::string out;
    out.reserve(2 + ids.size() * 20);
    out += '[';
    char digits[24];
    for (const auto id : ids) {
        if (out.size() > 1) out += ',';
        out.append(digits, std::to_chars(digits, digits + sizeof digits, id).ptr);
    }
    out += ']';
    return out;
}

/// Refuses what PostgreSQL refuses.
void require_text(const std::string& text, const char* statement) {
    if (text.find('\0') != std::string::npos) throw ConstraintViolation(std::string(statement) + ": a text holds NUL");
    if (!is_utf8(text)) throw ConstraintViolation(std::string(statement) + ": a text is not UTF-8");
    if (text.size() > INT_MAX) throw ConstraintViolation(std::string(statement) + ": a text is too long");
}

/// Resets a statement after its use, because an open statement holds its snapshot.
struct Reset {
    sqlite3_stmt* handle;
    ~Reset() { sqlite3_reset(handle); }
};

int bind(sqlite3_stmt* handle, int index, const Value& value, const char* statement) {
    switch (value.index()) {
    case 1: return sqlite3_bind_int64(handle, index, std::get<1>(value));
    case 2: {
        const auto& text = std::get<2>(value);
        require_text(text, statement);
        return sqlite3_bind_text(handle, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    }
    case 3: {
        const auto list = json_array(std::get<3>(value));
        return sqlite3_bind_text(handle, index, list.data(), static_cast<int>(list.size()), SQLITE_TRANSIENT);
    }
    default: return sqlite3_bind_null(handle, index);
    }
}

Value column(sqlite3_stmt* handle, int index, const char* statement) {
    switch (sqlite3_column_type(handle, index)) {
    case SQLITE_INTEGER: return std::int64_t{sqlite3_column_int64(handle, index)};
    case SQLITE_NULL: return nullptr;
    case SQLITE_TEXT: {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle, index));
        return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(handle, index)));
    }
    default: throw Corrupt(std::string(statement) + ": a column is neither bigint nor text");
    }
}

}  // namespace

SqliteConnection::SqliteConnection(const std::filesystem::path& file, Mode mode, std::size_t cache_bytes)
    : disk_errors_(metrics::counter("guildhall_sql_disk_errors_total", "Read and write errors of the file system",
                                    {{"database", file.stem().string()}})) {
    configure_once();
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    try {
        if (const int result = sqlite3_open_v2(file.c_str(), &db_, flags, nullptr); result != SQLITE_OK) {
            fail(result, file.c_str());
        }
        set_up(file, mode, cache_bytes);
    } catch (...) {
        sqlite3_close_v2(db_);
        throw;
    }
}

SqliteConnection::~SqliteConnection() {
    for (auto& [text, prepared] : statements_) sqlite3_finalize(prepared.handle);
    for (auto* statement : {begin_, commit_, rollback_, savepoint_, release_, rollback_to_})
        sqlite3_finalize(statement);
    sqlite3_close_v2(db_);
}

void SqliteConnection::set_up(const std::filesystem::path& file, Mode mode, std::size_t cache_bytes) {
    sqlite3_busy_timeout(db_, static_cast<int>(kBusyTimeout.count()));
    execute("PRAGMA cache_size=-" + std::to_string(std::max<std::size_t>(cache_bytes >> 10, 64)));
    // A read error of a mapped file would be a signal that ends the process.
    execute("PRAGMA mmap_size=0");
    execute("PRAGMA temp_store=MEMORY");
    execute("PRAGMA case_sensitive_like=ON");  // as in PostgreSQL
    if (mode == Mode::read) return;

    use_write_ahead_log(file);
    execute("PRAGMA synchronous=FULL");
    execute("PRAGMA foreign_keys=ON");
    execute("PRAGMA secure_delete=FAST");
    execute("PRAGMA journal_size_limit=" + std::to_string(kLogBytesKept));
    // The writer checkpoints after it has answered, not during a commit that callers wait for.
    const auto count_pages = [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteConnection*>(self)->log_pages_ = pages;
        return SQLITE_OK;
    };
    sqlite3_wal_hook(db_, count_pages, this);
    begin_ = compile("BEGIN IMMEDIATE", "begin");
    commit_ = compile("COMMIT", "commit");
    rollback_ = compile("ROLLBACK", "rollback");
    savepoint_ = compile("SAVEPOINT s", "savepoint");
    release_ = compile("RELEASE s", "release");
    rollback_to_ = compile("ROLLBACK TO s", "rollback to");
}

void SqliteConnection::use_write_ahead_log(const std::filesystem::path& file) {
    const auto mode = [this](const std::string& pragma) {
        auto* statement = compile(pragma, "journal_mode");
        int result = sqlite3_step(statement);
        // SQLite does not call its busy handler here when another connection makes the same change.
        for (int i = 0; i < 1000 && (result & 0xff) == SQLITE_BUSY; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            sqlite3_reset(statement);
            result = sqlite3_step(statement);
        }
        const std::string text =
            result == SQLITE_ROW ? reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)) : "";
        sqlite3_finalize(statement);
        if (result != SQLITE_ROW) fail(result, pragma.c_str());
        return text;
    };
    if (mode("PRAGMA journal_mode") == "wal") return;
    // Writes the header of a new file. The file is empty, so one sync at the end is enough. It is necessary, because
    // SQLite discards the log of an empty file. The folder is synced with the first commit, which creates the log.
    execute("PRAGMA synchronous=OFF");
    if (mode("PRAGMA journal_mode=WAL") != "wal") {
        throw Unavailable(file.string() + ": its file system cannot hold a write-ahead log");
    }
    sync(SQLITE_FCNTL_FILE_POINTER);
}

void SqliteConnection::sync_log() { sync(SQLITE_FCNTL_JOURNAL_POINTER); }

void SqliteConnection::sync(int which) {
    auto& opened = file(which);
    if (const int result = opened.pMethods->xSync(&opened, SQLITE_SYNC_NORMAL); result != SQLITE_OK)
        fail(result, "sync");
}

/// SQLite's own descriptor, because closing another one of the same file would release the process's locks on it.
sqlite3_file& SqliteConnection::file(int which) const {
    sqlite3_file* opened = nullptr;
    const int found = sqlite3_file_control(db_, "main", which, &opened);
    if (found != SQLITE_OK || !opened || !opened->pMethods) fail(SQLITE_IOERR, "file");
    return *opened;
}

void SqliteConnection::cut_log() {
    begin();  // no other process may append meanwhile
    try {
        auto& log = file(SQLITE_FCNTL_JOURNAL_POINTER);
        if (const int result = log.pMethods->xTruncate(&log, log_bytes()); result != SQLITE_OK) fail(result, "cut log");
    } catch (...) {
        rollback();
        throw;
    }
    rollback();
}

/// The size of the log up to the last commit, as the index of the log says. After a commit that failed the file may
/// hold more. Source: "WAL-mode File Format", sqlite.org, sections 1.2 (the log) and 2.1 (its index).
std::int64_t SqliteConnection::log_bytes() const {
    constexpr int kIndexRegion = 32 << 10;
    constexpr std::int64_t kLogHeader = 32;
    constexpr std::int64_t kFrameHeader = 24;
    auto& database = file(SQLITE_FCNTL_FILE_POINTER);
    void volatile* index = nullptr;
    if (const int result = database.pMethods->xShmMap(&database, 0, kIndexRegion, 0, &index); result != SQLITE_OK)
        fail(result, "index of the log");
    if (!index) fail(SQLITE_IOERR, "index of the log");
    const auto* header = static_cast<const char*>(const_cast<const void*>(index));
    std::uint16_t page_size = 0;  // 1: 65536
    std::uint32_t frames = 0;
    std::memcpy(&page_size, header + 14, sizeof page_size);
    std::memcpy(&frames, header + 16, sizeof frames);
    const std::int64_t page_bytes = page_size == 1 ? 65'536 : page_size;
    return frames == 0 ? 0 : kLogHeader + frames * (kFrameHeader + page_bytes);
}

Rows SqliteConnection::query(const Statement& statement, const Params& params) {
    const auto start = std::chrono::steady_clock::now();
    auto& prepared = prepare(statement);
    if (static_cast<int>(params.size()) != prepared.parameters) {
        throw Corrupt(std::string(statement.name) + ": wrong number of parameters");
    }
    auto* handle = prepared.handle;
    const Reset reset{handle};
    for (int i = 0; i < prepared.parameters; ++i) {
        const int result = bind(handle, i + 1, params[static_cast<std::size_t>(i)], statement.name);
        if (result != SQLITE_OK) fail(result, statement.name);
    }

    Rows rows;
    int result = sqlite3_step(handle);
    if (result == SQLITE_ROW) {
        const int columns = sqlite3_column_count(handle);
        rows.set_columns(static_cast<std::size_t>(columns));
        auto& cells = rows.cells();
        cells.reserve(static_cast<std::size_t>(columns));
        do {
            for (int i = 0; i < columns; ++i) cells.push_back(column(handle, i, statement.name));
            result = sqlite3_step(handle);
        } while (result == SQLITE_ROW);
    }
    if (result != SQLITE_DONE) fail(result, statement.name);
    observe_statement(*prepared.duration, statement.name, start);
    return rows;
}

void SqliteConnection::execute(const std::string& text) {
    auto* statement = compile(text, text.c_str());
    int result = sqlite3_step(statement);
    while (result == SQLITE_ROW) result = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (result != SQLITE_DONE) fail(result, text.c_str());
}

void SqliteConnection::rollback_to_savepoint() {
    step(rollback_to_);
    step(release_);
}

void SqliteConnection::rollback() noexcept {
    if (!in_transaction()) return;
    sqlite3_step(rollback_);
    sqlite3_reset(rollback_);
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

void SqliteConnection::checkpoint(bool truncate) {
    const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    const int result = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, nullptr, nullptr);
    if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) fail(result, "checkpoint");
    log_pages_ = 0;
}

SqliteConnection::Prepared& SqliteConnection::prepare(const Statement& statement) {
    if (const auto found = statements_.find(statement.text); found != statements_.end()) return found->second;
    Prepared prepared;
    prepared.duration = &statement_histogram("sqlite", statement.name);
    const char* text = statement.for_sqlite == nullptr ? statement.text : statement.for_sqlite;
    prepared.handle = compile(dialect::to_sqlite(text), statement.name);
    prepared.parameters = sqlite3_bind_parameter_count(prepared.handle);
    return statements_.emplace(statement.text, prepared).first->second;
}

sqlite3_stmt* SqliteConnection::compile(std::string_view text, const char* name) {
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v3(db_, text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT,
                                          &statement, nullptr);
    if (result != SQLITE_OK) fail(result, name);
    return statement;
}

void SqliteConnection::step(sqlite3_stmt* statement) {
    const int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) {
        sqlite3_reset(statement);
        return;
    }
    sqlite3_reset(statement);
    fail(result, "transaction");
}

/// SQLite reports a sector that cannot be read as SQLITE_CORRUPT when a statement meets it.
bool SqliteConnection::has_disk_error(int result) const {
    if ((result & 0xff) == SQLITE_IOERR) return true;
    if ((result & 0xff) != SQLITE_CORRUPT) return false;
    for (const int which : {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER}) {
        sqlite3_file* opened = nullptr;
        if (sqlite3_file_control(db_, "main", which, &opened) != SQLITE_OK || !opened || !opened->pMethods) continue;
        int error = 0;
        if (opened->pMethods->xFileControl(opened, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK && error != 0)
            return true;
    }
    return false;
}

void SqliteConnection::fail(int result, const char* what) const {
    const int system_error = db_ ? sqlite3_system_errno(db_) : 0;
    const auto message = std::string(what) + ": " + (db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(result)) + " (" +
                         std::to_string(result) + ")";
    const bool full = system_error == ENOSPC || system_error == EDQUOT;
    if (db_ && !full && has_disk_error(result)) {
        disk_errors_.add();
        throw DiskError(message);
    }
    switch (result & 0xff) {
    case SQLITE_CONSTRAINT: throw ConstraintViolation(message);
    case SQLITE_TOOBIG: throw ConstraintViolation(message);
    case SQLITE_FULL: throw Unavailable(message, Code::insufficient_storage);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: throw Unavailable(message, full ? Code::insufficient_storage : Code::unavailable);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_ABORT: throw Unavailable(message);
    default: throw Corrupt(message);
    }
}

}  // namespace guildhall::sql
