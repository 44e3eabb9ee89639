#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include "platform/async/backoff.hpp"
#include "platform/base/metrics.hpp"
#include "platform/sql/parked.hpp"
#include "platform/sql/postgres_connection.hpp"
#include "platform/sql/postgres_settings.hpp"

namespace guildhall::sql {

class PostgresPool;

/// A thread that ends overdue waits: it checks all pools every 50 ms while one of them is busy, and sleeps otherwise.
class PostgresWatch {
public:
    ~PostgresWatch() { stop(); }
    /// Watches a pool while it lives.
    void add(std::weak_ptr<PostgresPool> pool);
    /// Call after a deadline was set. Costs an atomic read while the watch is awake.
    void wake() {
        if (asleep_.load()) start();
    }

    /// Ends the thread. Must not be called on it, so not by the last owner of a pool.
    void stop();

private:
    void start();
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::weak_ptr<PostgresPool>> pools_;
    std::atomic<bool> asleep_{true};
    bool stopping_ = false;
    std::thread thread_;  // started when first needed
};

/// The state that the pools of one database share.
struct PostgresShared {
    PostgresShared(PostgresOptions options, PostgresRole role);
    /// Ends the watch and all pools.
    void close();

    const std::uint64_t id;  // never used again, unlike an address
    const PostgresSettings settings;
    metrics::Gauge& open;
    metrics::Gauge& in_use;
    metrics::Gauge& waiting;
    PostgresWatch watch;

    std::mutex mutex;
    std::vector<std::weak_ptr<PostgresPool>> pools;
    bool closed = false;
};

/// The connections of one database on one io_context, at most `connections_per_thread`. Callers that find none free
/// wait in line.
class PostgresPool : public std::enable_shared_from_this<PostgresPool> {
public:
    /// The pool of `shared` on the io_context of `executor`, created by the first call.
    static std::shared_ptr<PostgresPool> of(const boost::asio::any_io_executor& executor,
                                            const std::shared_ptr<PostgresShared>& shared);

    PostgresPool(boost::asio::io_context& io, std::shared_ptr<PostgresShared> shared)
        : io_(io), shared_(std::move(shared)) {}

    /// An idle connection, or none.
    std::unique_ptr<PostgresConnection> try_take();
    /// Limits for the wait for a connection.
    struct Waits {
        std::chrono::milliseconds deadline;
        std::chrono::milliseconds in_line = std::chrono::milliseconds::max();
        // For each host, when the server was unavailable and this caller tests it.
        std::chrono::milliseconds probe{1000};
    };
    /// Waits in line for a connection, or makes one. Throws Unavailable at the deadline, when too many wait, and
    /// immediately while the server is unavailable.
    Task<std::unique_ptr<PostgresConnection>> take(Waits waits);
    /// Closes all connections to `server` (host_of() of postgres_settings.hpp), which is silent: callers that wait for
    /// it fail immediately.
    void give_up(const std::string& server);
    /// Takes a connection back. Closes it if it is not clean.
    void give(std::unique_ptr<PostgresConnection> connection);

    /// Sends the statements that are queued on `connection` and waits for the answers, at most `deadline`.
    Task<void> finish(PostgresConnection& connection, std::chrono::milliseconds deadline);

    /// For the watch: ends overdue waits. True while the pool is busy.
    bool check(std::chrono::steady_clock::time_point now);
    /// Closes idle connections and drops waiting callers. Connections cannot be taken after that.
    void close();
    bool is_closed();

private:
    struct Waiter {
        Parked parked;
        bool is_unavailable = false;  // refused because the server is unavailable
        std::chrono::steady_clock::time_point deadline;
        std::unique_ptr<PostgresConnection> connection;
        bool may_connect = false;
        std::string refusal;
    };
    /// A place for a connection that is being made. It is released if that fails.
    class Place;

    void enqueue(Waiter& waiter);
    Task<std::unique_ptr<PostgresConnection>> connect(ConnectLimits limits);
    Task<void> test_silent(PostgresSettings::Parameters server);
    std::chrono::milliseconds silence_limit() const;
    bool was_down();
    bool is_down() const { return std::chrono::steady_clock::now() < down_until_; }
    // With mutex_ locked:
    void refuse_unavailable(Waiter& waiter);
    void test_silent_servers(std::chrono::steady_clock::time_point now);
    void connection_closed();
    void note_failure(const std::string& reason);
    void resume(Waiter* waiter);
    void refuse_waiters();

    boost::asio::io_context& io_;
    const std::shared_ptr<PostgresShared> shared_;

    std::mutex mutex_;  // an io_context may be run by several threads
    bool closed_ = false;
    std::size_t open_ = 0;        // connections and places
    std::size_t connecting_ = 0;  // places
    bool is_asking_ = false;      // a silent server is being tested
    std::chrono::steady_clock::time_point asked_at_{};
    std::vector<std::unique_ptr<PostgresConnection>> idle_;
    std::vector<Watched*> watched_;
    std::deque<Waiter*> waiters_;
    Backoff backoff_{std::chrono::milliseconds(100), std::chrono::milliseconds(1000)};
    std::chrono::steady_clock::time_point down_until_{};  // no connection is tried before this
    bool down_ = false;                                   // the last try failed
    std::string down_reason_;
};

/// A borrowed connection. It is returned at the end, and closed if it is not clean (a coroutine was destroyed inside a
/// transaction).
class PostgresLease {
public:
    PostgresLease(std::shared_ptr<PostgresPool> pool, std::unique_ptr<PostgresConnection> connection)
        : pool_(std::move(pool)), connection_(std::move(connection)) {}
    PostgresLease(PostgresLease&&) = default;
    PostgresLease& operator=(PostgresLease&&) = delete;
    ~PostgresLease() {
        if (connection_) pool_->give(std::move(connection_));
    }
    PostgresConnection* operator->() const { return connection_.get(); }
    PostgresConnection& operator*() const { return *connection_; }
    Task<void> finish(std::chrono::milliseconds deadline) { return pool_->finish(*connection_, deadline); }

private:
    std::shared_ptr<PostgresPool> pool_;
    std::unique_ptr<PostgresConnection> connection_;
};

}  // namespace guildhall::sql
