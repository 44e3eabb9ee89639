// Rival: bare SQLite. How many inserts of one row does it commit in a second, each in a transaction of its own, with
// WAL and synchronous=FULL? Prints the number.
//   sqlite_inserts FILE      FILE: of a new database
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sqlite3.h>

namespace {

constexpr std::int64_t kAuthors = 4'039;
constexpr std::chrono::duration<double> kTime{2.5};

void require(bool is_right, sqlite3* db) {
    if (is_right) return;
    std::fprintf(stderr, "sqlite_inserts: %s\n", sqlite3_errmsg(db));
    std::exit(1);
}

sqlite3_stmt* prepare(sqlite3* db, const char* text) {
    sqlite3_stmt* statement = nullptr;
    require(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) == SQLITE_OK, db);
    return statement;
}

void run(sqlite3* db, sqlite3_stmt* statement) {
    require(sqlite3_step(statement) == SQLITE_DONE, db);
    sqlite3_reset(statement);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) return 2;
    sqlite3* db = nullptr;
    require(sqlite3_open(arguments[1], &db) == SQLITE_OK, db);
    require(sqlite3_exec(db,
                         "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                         "CREATE TABLE posts(id INTEGER PRIMARY KEY, author INT NOT NULL, body TEXT NOT NULL,"
                         " likes INT NOT NULL DEFAULT 0, created INT NOT NULL);"
                         "CREATE INDEX posts_of_author ON posts(author, id)",
                         nullptr, nullptr, nullptr) == SQLITE_OK,
            db);
    sqlite3_stmt* const begin = prepare(db, "BEGIN IMMEDIATE");
    sqlite3_stmt* const insert = prepare(db, "INSERT INTO posts(author, body, created) VALUES (?, ?, ?)");
    sqlite3_stmt* const commit = prepare(db, "COMMIT");
    const std::string body(256, 'x');
    const auto start = std::chrono::steady_clock::now();
    std::chrono::duration<double> elapsed{};
    std::int64_t inserts = 0;
    for (; elapsed < kTime; ++inserts) {
        run(db, begin);
        sqlite3_bind_int64(insert, 1, inserts * 2'654'435'761 % kAuthors);
        sqlite3_bind_text(insert, 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
        sqlite3_bind_int64(insert, 3, inserts);
        run(db, insert);
        run(db, commit);
        elapsed = std::chrono::steady_clock::now() - start;
    }
    std::printf("%.1f\n", static_cast<double>(inserts) / elapsed.count());
    for (sqlite3_stmt* statement : {begin, insert, commit}) sqlite3_finalize(statement);
    sqlite3_close(db);
}
