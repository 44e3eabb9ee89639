// Rival: bare group commit. 64 clients, coroutines of one thread, insert posts one after the other, each with its event
// in a transaction of its own. A writer thread commits all waiting transactions together, with WAL and
// synchronous=FULL. How many transactions are durable in a second? Prints the number.
//   grouped_inserts FILE     FILE: of a new database
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <sqlite3.h>

namespace {

namespace asio = boost::asio;

constexpr std::int64_t kClients = 64;
constexpr std::int64_t kTransactions = 400;  // of each client

/// A connection that ends the program when a statement fails.
class Connection {
public:
    explicit Connection(const char* file) {
        require(sqlite3_open(file, &db_) == SQLITE_OK);
        execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE posts(author_id bigint, id bigint, text text, created_at bigint, PRIMARY KEY(author_id, id));"
            "CREATE TABLE outbox(key bigint, id bigint, type text, payload text, PRIMARY KEY(key, id))");
        insert_post_ = prepare("INSERT INTO posts(author_id, id, text, created_at) VALUES (?, ?, ?, 1)");
        insert_event_ = prepare("INSERT INTO outbox(key, id, type, payload) VALUES (?, ?, 'post.created', ?)");
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        sqlite3_finalize(insert_post_);
        sqlite3_finalize(insert_event_);
        sqlite3_close(db_);
    }

    void execute(const char* statements) {
        require(sqlite3_exec(db_, statements, nullptr, nullptr, nullptr) == SQLITE_OK);
    }
    void insert(std::int64_t author, std::int64_t id, const std::string& text) {
        run(insert_post_, author, id, text);
        run(insert_event_, author, id, R"({"id":1})");
    }

private:
    void require(bool is_right) {
        if (is_right) return;
        std::fprintf(stderr, "grouped_inserts: %s\n", sqlite3_errmsg(db_));
        std::exit(1);
    }
    sqlite3_stmt* prepare(const char* text) {
        sqlite3_stmt* statement = nullptr;
        require(sqlite3_prepare_v3(db_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) == SQLITE_OK);
        return statement;
    }
    void run(sqlite3_stmt* statement, std::int64_t first, std::int64_t second, const std::string& third) {
        sqlite3_bind_int64(statement, 1, first);
        sqlite3_bind_int64(statement, 2, second);
        sqlite3_bind_text(statement, 3, third.data(), static_cast<int>(third.size()), SQLITE_STATIC);
        require(sqlite3_step(statement) == SQLITE_DONE);
        sqlite3_reset(statement);
    }

    sqlite3* db_ = nullptr;
    sqlite3_stmt* insert_post_ = nullptr;
    sqlite3_stmt* insert_event_ = nullptr;
};

/// The writer thread: each transaction in a savepoint, so that it could fail alone; all that wait in one commit.
class Writer {
public:
    explicit Writer(const char* file) : connection_(file), thread_([this] { write(); }) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer() {
        {
            const std::lock_guard lock(mutex_);
            is_ending_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    /// Returns when the work is durable.
    asio::awaitable<void> transact(std::function<void(Connection&)> work) {
        auto enqueue = [this, &work](auto handler) {
            const auto executor = asio::get_associated_executor(handler);
            const auto kept = std::make_shared<decltype(handler)>(std::move(handler));
            {
                const std::lock_guard lock(mutex_);
                waiting_.push_back({std::move(work), [executor, kept] { asio::post(executor, std::move(*kept)); }});
            }
            wake_.notify_one();
        };
        co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(enqueue, asio::use_awaitable);
    }

private:
    struct Job {
        std::function<void(Connection&)> work;
        std::function<void()> done;
    };

    void write() {
        for (;;) {
            std::vector<Job> batch;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
                if (waiting_.empty()) return;
                batch.swap(waiting_);
            }
            connection_.execute("BEGIN IMMEDIATE");
            for (const Job& job : batch) {
                connection_.execute("SAVEPOINT one");
                job.work(connection_);
                connection_.execute("RELEASE one");
            }
            connection_.execute("COMMIT");
            for (const Job& job : batch) job.done();
        }
    }

    Connection connection_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Job> waiting_;
    bool is_ending_ = false;
    std::thread thread_;
};

asio::awaitable<void> publish_posts(Writer& writer, std::int64_t author) {
    const std::string text(256, 'x');
    for (std::int64_t id = 0; id < kTransactions; ++id) {
        std::function<void(Connection&)> work = [&](Connection& connection) { connection.insert(author, id, text); };
        co_await writer.transact(std::move(work));
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) return 2;
    asio::io_context io(1);
    Writer writer(arguments[1]);
    for (std::int64_t author = 0; author < kClients; ++author)
        asio::co_spawn(io, publish_posts(writer, author), asio::detached);
    const auto start = std::chrono::steady_clock::now();
    io.run();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::printf("%.1f\n", static_cast<double>(kClients * kTransactions) / elapsed.count());
}
