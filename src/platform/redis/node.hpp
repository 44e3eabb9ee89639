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

/// One server as one thread sees it: a connection that is made again when it is lost, the commands that wait for it or for an answer, and a
/// circuit breaker: once a try to connect has failed, or an answer did not come in time, commands are refused at once until a connection stands.
/// A command whose connection is lost fails: nobody knows whether it was run. All on `io`, which one thread runs.
class Node : public std::enable_shared_from_this<Node> {
public:
    /// Who decides what an answer means.
    class Owner {
    public:
        virtual ~Owner() = default;
        /// Takes a request whose answer has come; `node` gave it.
        virtual void answered(RequestPointer request, Reply reply, Node& node) = 0;
        /// Takes a request that was not run, or of which nobody knows.
        virtual void failed(RequestPointer request, const std::string& reason) = 0;
        /// Takes note that a connection stands, was lost or could not be made.
        virtual void changed() = 0;
        /// Takes note that something waits: expire() is to be called until it returns false.
        virtual void waits() = 0;
    };

    /// `server` is empty when it changes and only `locate` knows it.
    Node(boost::asio::io_context& io, std::shared_ptr<const Settings> settings, Endpoint server, Locate locate,
         Owner& owner);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Starts to connect.
    void start();
    /// Ends it: what waits is failed, and its owner is not called afterwards.
    void stop();

    /// Sends the request, or keeps it until a connection stands, or fails it.
    void submit(RequestPointer request);
    /// Fails what is overdue; true while something waits.
    bool expire(std::chrono::steady_clock::time_point now);
    /// Gives the connection up, to look for the server again.
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
    bool has_proved_itself_ = false;        // this connection has answered a command
    bool is_quiet_ = false;                 // nothing was received since the last look
    std::deque<RequestPointer> queue_;      // for the next connection
    std::deque<RequestPointer> in_flight_;  // sent, not answered
    std::size_t waiting_bytes_ = 0;
};

}  // namespace guildhall::redis
