#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "platform/async/task.hpp"
#include "platform/redis/command.hpp"
#include "platform/redis/reply.hpp"
#include "platform/redis/settings.hpp"

namespace guildhall::redis {

/// One socket to one server. At first open() and ask(), which wait for their answers; then start(), and after it
/// write(), whose answers go to a function. Runs on `io`, which is run by one thread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    using OnReply = std::function<void(Reply)>;
    using OnLost = std::function<void(const std::string& why)>;

    Connection(boost::asio::io_context& io, std::shared_ptr<const Settings> settings);

    /// Connects to a server, signs in and selects the database. In a group of Sentinel the server must be the primary.
    /// Throws Unavailable, at the latest at the connect deadline.
    Task<void> open(Endpoint server);
    /// Connects to a sentinel, which has neither users nor databases. Throws Unavailable.
    Task<void> open_sentinel(Endpoint sentinel);
    /// The answer to one command. Throws Unavailable, at the latest at the connect deadline.
    Task<Reply> ask(Command command);

    /// Calls `on_reply` for each answer, in order, and `on_lost` once if the connection ends other than by close().
    void start(OnReply on_reply, OnLost on_lost);
    /// Sends a command, together with those that are written in the same iteration of the event loop.
    void write(const Command& command);
    /// Closes the connection. The functions are not called any more.
    void close();

    const Endpoint& peer() const { return peer_; }

private:
    class Alarm;

    Task<void> connect();
    Task<void> secure();
    Task<void> sign_in();
    Task<std::size_t> read_some(boost::system::error_code& error);
    Task<void> read_all();
    void flush();
    void lose(const std::string& why);
    [[noreturn]] void fail(const std::string& what) const;

    boost::asio::io_context& io_;
    const std::shared_ptr<const Settings> settings_;
    Endpoint peer_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::asio::ip::tcp::socket socket_;
    std::optional<boost::asio::ssl::context> tls_context_;
    std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
    std::array<char, 16 * 1024> received_;
    Reader reader_;
    std::string next_;     // to be sent next
    std::string sending_;  // being sent
    bool is_flushing_ = false;
    bool is_late_ = false;
    bool is_started_ = false;
    OnReply on_reply_;
    OnLost on_lost_;
};

}  // namespace guildhall::redis
