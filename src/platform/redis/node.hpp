#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/async/backoff.hpp"
#include "platform/async/task.hpp"
#include "platform/redis/connection.hpp"
#include "platform/redis/locator.hpp"
#include "platform/redis/request.hpp"

namespace guildhall::redis {

/// The connection of one thread to one server, with the commands that wait for it or for an answer. A lost connection
/// is remade. It has a circuit breaker: after a failed try to connect, or an answer that did not come in time, commands
/// are refused immediately until there is a connection. A command whose connection is lost fails: it may or may not
/// have been run. Runs on `io`, which is run by one thread.
class Node : public std::enable_shared_from_this<Node> {
public:
    /// Interprets the answers.
    class Owner {
    public:
        virtual ~Owner() = default;
        /// Takes a request and its answer from `node`.
        virtual void answered(RequestPointer request, Reply reply, Node& node) = 0;
        /// Takes a request that was not run, or for which this is unknown.
        virtual void failed(RequestPointer request, const std::string& reason) = 0;
        /// A connection was made or lost, or could not be made.
        virtual void changed() = 0;
        /// A request waits: expire() must be called until it returns false.
        virtual void waits() = 0;
    };

    /// `server` is empty when only `locate` knows it.
    Node(boost::asio::io_context& io, std::shared_ptr<const Settings> settings, Endpoint server, Locate locate,
         Owner& owner);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Starts to connect.
    void start();
    /// Fails the waiting requests and closes the connection. The owner is not called afterwards.
    void stop();

    /// Sends the request, or holds it until there is a connection, or fails it.
    void submit(RequestPointer request);
    /// Fails overdue requests. True while any request waits.
    bool expire(std::chrono::steady_clock::time_point now);
    /// Closes the connection and locates the server again.
    void reconnect(const std::string& reason);

    bool is_up() const { return state_ == State::up; }
    /// The server of the last connection, or the only one; empty when neither is known.
    const Endpoint& server() const { return server_; }

private:
    enum class State { connecting, up, down };

    Task<void> run();
    Task<bool> connect();
    Task<void> pause(std::chrono::milliseconds duration);
    void take(Reply reply);
    void send(RequestPointer request);
    void lose(const std::string& reason, State next);
    void fail_all(const std::string& reason);

    boost::asio::io_context& io_;
    const std::shared_ptr<const Settings> settings_;
    const Locate locate_;
    Owner* owner_;  // null after stop()
    Endpoint server_;
    State state_ = State::connecting;
    std::string reason_;
    std::shared_ptr<Connection> connection_;
    boost::asio::steady_timer wake_;
    Backoff backoff_;
    bool has_answered_ = false;             // a command was answered on this connection
    bool is_quiet_ = false;                 // nothing was received since the last check
    std::deque<RequestPointer> queue_;      // waiting for a connection
    std::deque<RequestPointer> in_flight_;  // sent, not answered
    std::size_t waiting_bytes_ = 0;
};

}  // namespace guildhall::redis
