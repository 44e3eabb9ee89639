#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include "platform/http/access_token.hpp"
#include "platform/http/client_address.hpp"
#include "platform/http/problem.hpp"
#include "platform/http/rate_limiter.hpp"
#include "platform/http/request_head.hpp"
#include "platform/http/router.hpp"

namespace guildhall::http {

/// The body of a request, which is received only after the header has been accepted.
class RequestBody {
public:
    virtual ~RequestBody() = default;
    /// Receives it, at most `max_bytes` long. The text lives as long as the request.
    virtual Task<std::expected<std::string_view, Refusal>> receive(std::size_t max_bytes) = 0;
};

/// A request as it came from a socket.
struct Exchange {
    const boost::beast::http::request_header<>& head;
    const Peer& peer;
    RequestBody* body;  // null: the request has none
};

/// Takes a request from the session to its handler, and the answer back: route, token, rate limit, content type, body,
/// idempotency key, handler, entity tag, compression. Every answer of the server is made here. Thread-safe.
class Dispatcher {
public:
    /// Part of ServerOptions.
    struct Options {
        std::size_t compress_from_bytes = 1400;
        std::size_t max_body_bytes = 1 << 20;
        std::size_t max_visitor_body_bytes = 16 << 10;
        std::vector<IpNetwork> trusted_proxies;
        std::vector<std::string> cors_origins;
    };
    Dispatcher(Options options, const Router& router, const AccessTokens& tokens, const Revocations& revocations,
               RateLimiter& limiter, const Clock& clock, IdGenerator& request_ids);
    Dispatcher(Dispatcher&&) noexcept;
    ~Dispatcher();

    /// Fills `request` from `exchange` and calls the handler of its route; both live until the task has ended. Never
    /// throws for what a request or a dependency does: the answer is then 4xx or 5xx.
    Task<Response> answer(Exchange exchange, Request& request);

    /// The answer to a request that is not read to its end; fills `request` with what is known of it, whose views
    /// `head` outlives.
    Response refuse(const Refusal& refusal, const HeadExcerpt& head, const Peer& peer, Request& request) const;
    /// The answer to a request whose handler takes too long; `request` is the one that answer() has filled.
    Response answer_overdue(const Exchange& exchange, const Request& request) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
