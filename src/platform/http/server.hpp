#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "platform/http/access_token.hpp"
#include "platform/http/rate_limiter.hpp"
#include "platform/http/router.hpp"

namespace guildhall::http {

/// Limits and deadlines of the server. Every phase of a connection has one.
struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;  // 0: any free one
    std::size_t max_connections = 10'000;
    std::size_t max_header_bytes = 16 << 10;
    std::size_t max_body_bytes = 1 << 20;
    std::size_t compress_from_bytes = 1400;    // smaller answers fit a packet anyway
    std::chrono::seconds header_deadline{10};  // from the first byte of a request to the end of its header
    std::chrono::seconds body_deadline{30};
    /// Of a route's handler: then the client gets 503 (deadline_exceeded) and the connection is closed; the handler ends unheard.
    std::chrono::seconds handler_deadline{30};
    std::chrono::seconds write_deadline{30};
    std::chrono::seconds idle_deadline{75};
    std::vector<std::string> trusted_proxies;  // addresses whose X-Forwarded-For is believed
    std::vector<std::string> cors_origins;     // origins that browsers may call from
    bool access_log = true;
};

/// The HTTP/1.1 server: an acceptor with SO_REUSEPORT on each io_context; a connection lives and dies on one thread. What Beast's parser lets pass and a server
/// must refuse (RFC 9112: missing or double Host, folded headers, unknown transfer codings, chunked on HTTP/1.0, a request line
/// without a version) gets 400 and is closed.
class Server {
public:
    Server(ServerOptions options, const Router& router, const AccessTokens& tokens, const Revocations& revocations,
           RateLimiter& limiter, const Clock& clock, IdGenerator& request_ids);
    ~Server();

    /// Opens the acceptors and starts to serve on `contexts`. Throws std::system_error when the address cannot be bound.
    void start(const std::vector<boost::asio::io_context*>& contexts);

    /// The port that is served, also when 0 was asked for.
    std::uint16_t port() const;

    /// From now on answers end their connection, so that clients leave on their own before drain(). New connections are served.
    void announce_drain();

    /// Stops to accept, closes idle connections and answers the running requests with Connection: close; returns when none is left, at most `limit`.
    void drain(std::chrono::milliseconds limit);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
