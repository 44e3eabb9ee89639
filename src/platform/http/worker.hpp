#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "platform/http/block_writer.hpp"
#include "platform/http/session.hpp"

namespace guildhall::http {

/// Counts the open connections of all threads, in all and by address.
class OpenConnections {
public:
    OpenConnections(std::size_t limit, std::size_t limit_per_address)
        : limit_(limit), limit_per_address_(limit_per_address) {}

    /// What becomes of a connection that was accepted.
    enum class Entry {
        served,
        too_many,             // is answered 503
        too_many_of_address,  // is answered 429
        closed,               // so many are turned away at the moment that this one gets no answer
    };
    /// Counts a connection. leave() is called for all but the closed ones.
    Entry enter(const Peer& peer);
    void leave(const Peer& peer);
    std::size_t count() const;
    /// Returns when there is none, or after `limit`.
    void wait_for_none(std::chrono::milliseconds limit);

private:
    const std::size_t limit_;
    const std::size_t limit_per_address_;
    mutable std::mutex mutex_;
    std::size_t count_ = 0;
    boost::unordered_flat_map<std::string, std::size_t> by_subscriber_;
    std::condition_variable none_left_;
};

/// What the workers of a server share.
struct ServerContext {
    const ServerOptions options;
    Dispatcher dispatcher;
    const Clock& clock;
    std::unique_ptr<BlockWriter> log;  // null: no access log
    std::atomic<ServerPhase> phase{ServerPhase::serving};
    OpenConnections connections{options.max_connections, options.max_connections_per_address};
    ReceiveBudget budget{options.max_received_bytes};
};

/// One thread's acceptor and sessions. Everything but open() runs on its io_context.
class Worker {
public:
    Worker(boost::asio::io_context& io, ServerContext& server);

    /// Binds to `port`, which the workers of one server share, and gives the port, which is another one for 0. The
    /// first worker fails when any other socket has the port. Throws std::runtime_error with a sentence for people.
    std::uint16_t open(std::uint16_t port, bool is_first);
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
    Task<void> serve(boost::asio::ip::tcp::socket socket, Peer peer, OpenConnections::Entry entry);

    boost::asio::io_context& io_;
    ServerContext& server_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer sweep_;
    std::list<Session*> sessions_;
    SessionContext context_;
    bool is_stopped_ = false;
};

}  // namespace guildhall::http
