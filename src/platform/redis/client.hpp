#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "platform/async/task.hpp"
#include "platform/redis/command.hpp"
#include "platform/redis/reply.hpp"
#include "platform/redis/settings.hpp"

namespace guildhall::redis {

/// Redis, one server, a group of Sentinel or a Cluster. Commands of one thread share one connection to each server and are pipelined. Connections are
/// made and made again in the background; while there is none, commands fail at once. Thread-safe.
/// Order: what one thread asks of one server is run in the order of the calls.
/// Throws Unavailable, from all that is awaited: away, past the deadline, too many waiting, or the server refuses for a reason that passes or that an
/// operator must end (LOADING, OOM, NOAUTH …). The command may have been run nevertheless. Other refusals are answers (Reply::is_error).
class Client {
public:
    /// Connects on each of `contexts`, which one thread each runs and which outlive this; a caller on none of them is served by the first. Without
    /// any it runs a thread of its own. Returns at once: that the server is away is no reason not to start.
    explicit Client(Settings settings, std::vector<boost::asio::io_context*> contexts = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The answer to one command.
    Task<Reply> run(Command command);
    /// The answers, in order; one round trip to each server. Throws when one of them is not to be had.
    Task<std::vector<Reply>> run_all(std::vector<Command> commands);
    /// The answer of `script` with this one key; its text is sent only to a server that does not know it yet.
    Task<Reply> run(const Script& script, std::string key, std::vector<std::string> arguments);
    /// Sends a command whose outcome nobody waits for.
    void send(Command command);

    /// True when all servers that are needed are connected, from every thread.
    bool is_up() const;
    const Settings& settings() const;
    /// The context of background work: the first of `contexts`, or the own one.
    boost::asio::io_context& io();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::redis
