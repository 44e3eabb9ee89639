#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/http/block_writer.hpp"
#include "platform/http/session.hpp"

namespace guildhall::http {

/// Counts the open connections of all threads.
class OpenConnections {
public:
    explicit OpenConnections(std::size_t limit) : limit_(limit) {}

    /// Counts a connection; false when there are as many as may be. Then leave() is not called.
    bool enter();
    void leave();
    std::size_t count() const { return count_.load(); }
    /// Returns when there is none, or after `limit`.
    void wait_for_none(std::chrono::milliseconds limit);

private:
    const std::size_t limit_;
    std::atomic<std::size_t> count_{0};
    std::mutex mutex_;
    std::condition_variable none_left_;
};

/// What the workers of a server share.
struct ServerContext {
    const ServerOptions options;
    Dispatcher dispatcher;
    const Clock& clock;
    std::unique_ptr<BlockWriter> log;  // null: no access log
    std::atomic<ServerPhase> phase{ServerPhase::serving};
    OpenConnections connections{options.max_connections};
};

/// One thread's acceptor and sessions. Everything but open() runs on its io_context.
class Worker {
public:
    Worker(boost::asio::io_context& io, ServerContext& server);

    /// Binds to `port` with SO_REUSEPORT and gives the port, which is another one for 0. Throws std::system_error.
    std::uint16_t open(std::uint16_t port);
    /// Starts to accept and to serve.
    void start();
    /// Accepts no longer, and ends the sessions that have no whole request.
    void drain();
    /// Closes all that is open.
    void stop();

    boost::asio::io_context& io() { return io_; }

private:
    Task<void> accept();
    Task<void> enforce_deadlines();
    Task<void> serve(boost::asio::ip::tcp::socket socket);

    boost::asio::io_context& io_;
    ServerContext& server_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer sweep_;
    std::list<Session*> sessions_;
    SessionContext context_;
    bool is_stopped_ = false;
};

}  // namespace guildhall::http
