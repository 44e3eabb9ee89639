// Question: what do a durable write (fact and outbox row in one transaction) and a point read cost through the SQL
// port, with 64 clients on one io thread, on SQLite and on PostgreSQL? rivals/grouped_inserts.cpp does the same writes
// without the port: run both in turn and compare.
//   sql_bench sqlite FILE [writes each client] | sql_bench postgres DSN [writes each client]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "platform/sql/postgres.hpp"
#include "platform/sql/sqlite.hpp"

namespace {

using namespace guildhall;

constexpr int kClients = 64;
constexpr const char* kSchema =
    "CREATE TABLE posts(author_id bigint, id bigint, text text, created_at bigint, PRIMARY KEY(author_id, id));"
    "CREATE TABLE outbox(key bigint, id bigint, type text, payload text, PRIMARY KEY(key, id))";
constexpr sql::Statement kInsertPost{"post_insert",
                                     "INSERT INTO posts(author_id, id, text, created_at) VALUES($1,$2,$3,$4)"};
constexpr sql::Statement kInsertEvent{"outbox_insert",
                                      "INSERT INTO outbox(key, id, type, payload) VALUES($1,$2,$3,$4)"};
constexpr sql::Statement kFindPost{
    "post_find", "SELECT author_id, id, text, created_at FROM posts WHERE author_id = $1 AND id = $2"};
constexpr sql::Statement kListPosts{"post_list",
                                    "SELECT author_id, id, text FROM posts WHERE author_id = $1 AND id IN ($2:ids)"};

class Posts {
public:
    explicit Posts(sql::Database& database) : database_(database) {}

    Task<void> insert(std::int64_t author, std::int64_t id, const std::string& text) {
        const auto body = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kInsertPost, sql::params(author, id, text, 1));
            co_await tx.execute(kInsertEvent, sql::params(author, id, "post.created", "{\"id\":1}"));
            co_return true;
        };
        const auto inserted = co_await database_.transact<bool>(body);
        if (!inserted) throw std::runtime_error("not inserted");
    }
    Task<void> find(std::int64_t author, std::int64_t id) {
        auto rows = co_await database_.read(kFindPost, sql::params(author, id));
        if (rows.size() != 1 || rows[0].text(2).size() != 256) throw std::runtime_error("wrong answer");
    }
    Task<void> list(std::int64_t author, sql::Ids ids) {
        const auto count = ids.size();
        auto rows = co_await database_.read(kListPosts, sql::params(author, std::move(ids)));
        if (rows.size() != count) throw std::runtime_error("wrong answer");
    }

private:
    sql::Database& database_;
};

template <class Work>
void measure(boost::asio::io_context& io, const char* engine, const char* what, long operations, Work work) {
    const auto start = std::chrono::steady_clock::now();
    const auto cpu_start = std::clock();
    for (int client = 0; client < kClients; ++client) {
        boost::asio::co_spawn(io, work(client), [](const std::exception_ptr& failure) {
            if (failure) std::rethrow_exception(failure);
        });
    }
    io.restart();
    io.run();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
    const auto count = static_cast<double>(operations);
    std::printf("%-8s %-28s %8.0f /s  %6.1f us CPU each (our process)\n", engine, what, count / seconds.count(),
                cpu / count * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: sql_bench sqlite FILE [each] | sql_bench postgres DSN [each]\n");
        return 2;
    }
    const bool on_sqlite = std::strcmp(argv[1], "sqlite") == 0;
    const int each = argc > 3 ? std::atoi(argv[3]) : 400;
    boost::asio::io_context io(1);
    auto opening = std::chrono::steady_clock::now();
    std::unique_ptr<sql::Database> database;
    if (on_sqlite) {
        for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(argv[2] + std::string(suffix));
        opening = std::chrono::steady_clock::now();
        database = sql::open_sqlite({.file = argv[2]});
    } else {
        sql::PostgresOptions options{.dsn = argv[2], .schema = "sql_bench"};
        options.connections_per_thread = 16;
        database = sql::open_postgres(std::move(options));
        database->execute_script("DROP SCHEMA IF EXISTS sql_bench CASCADE");
    }
    const sql::Migration migration{"bench", kSchema};
    database->migrate({&migration, 1});
    const std::chrono::duration<double, std::milli> opened = std::chrono::steady_clock::now() - opening;
    std::printf("%-8s open and migrate: %.1f ms\n", argv[1], opened.count());

    Posts posts(*database);
    const std::string text(256, 'x');
    const long operations = static_cast<long>(kClients) * each;
    measure(io, argv[1], "durable insert + outbox", operations, [&](int client) -> Task<void> {
        for (int i = 0; i < each; ++i) co_await posts.insert(client, i, text);
    });
    measure(io, argv[1], "point read", operations, [&](int client) -> Task<void> {
        for (int i = 0; i < each; ++i) co_await posts.find(client, i);
    });
    measure(io, argv[1], "read of 20 by ids", operations / 10, [&](int client) -> Task<void> {
        for (int i = 0; i < each / 10; ++i) {
            sql::Ids ids;
            for (int k = 0; k < 20; ++k) ids.push_back((i + k) % each);
            co_await posts.list(client, std::move(ids));
        }
    });
    return 0;
}
