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

/// A client of Redis: one server, a group of Sentinel or a Cluster. The commands of one thread share one connection to
/// each server and are pipelined. Connections are made, and remade, in the background; without one, commands fail
/// immediately. Thread-safe. Order: a server runs the commands of one thread in the order of the calls. Every awaited
/// call throws Unavailable when the server is unavailable, the deadline has passed, too many commands wait, or the
/// server refuses for a reason that is temporary or needs an operator (LOADING, OOM, NOAUTH …). The command may have
/// been run nevertheless. Other refusals are answers (Reply::is_error).
class Client {
public:
    /// Connects on each of `contexts`, which are run by one thread each and outlive this. The first one serves callers
    /// on other contexts. Without any, the client runs its own thread. Returns immediately, also while the server is
    /// unavailable.
    explicit Client(Settings settings, std::vector<boost::asio::io_context*> contexts = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The answer to one command.
    Task<Reply> run(Command command);
    /// The answers, in order, in one round trip to each server. Throws when one of them is missing.
    Task<std::vector<Reply>> run_all(std::vector<Command> commands);
    /// The answer of `script` with this one key. The text is sent only to a server that does not know the script.
    Task<Reply> run(const Script& script, std::string key, std::vector<std::string> arguments);
    /// Sends a command whose outcome nobody waits for.
    void send(Command command);

    /// True when every thread is connected to all needed servers.
    bool is_up() const;
    const Settings& settings() const;
    /// The context for background work: the first of `contexts`, or the client's own.
    boost::asio::io_context& io();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::redis
