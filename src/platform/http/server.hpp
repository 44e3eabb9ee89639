#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "platform/http/access_token.hpp"
#include "platform/http/rate_limiter.hpp"
#include "platform/http/router.hpp"
#include "platform/http/server_options.hpp"

namespace guildhall::http {

/// The HTTP/1.1 server: an acceptor on each io_context; a session lives and dies on one thread. What
/// Beast's parser accepts and a server must refuse (RFC 9112: missing or repeated Host, folded headers, unknown
/// transfer codings, chunked on HTTP/1.0, a request line without a version) gets 400, and the connection is closed.
class Server {
public:
    Server(ServerOptions options, const Router& router, const AccessTokens& tokens, const Revocations& revocations,
           RateLimiter& limiter, const Clock& clock, IdGenerator& request_ids);
    ~Server();

    /// Opens the acceptors and starts to serve on `contexts`. Throws std::runtime_error with a sentence for people when
    /// the address cannot be bound, for example because any other socket has its port.
    void start(const std::vector<boost::asio::io_context*>& contexts);

    /// The port that is served, also when the options ask for port 0.
    std::uint16_t port() const;

    /// From now on answers end their connection, so that clients leave on their own before drain(). New connections are
    /// still served.
    void announce_drain();

    /// Stops accepting, closes idle connections and answers the running requests with Connection: close. Returns when
    /// none is left, or after `limit`.
    void drain(std::chrono::milliseconds limit);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
