#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include "platform/http/access_token.hpp"
#include "platform/http/rate_limiter.hpp"
#include "platform/http/router.hpp"

namespace guildhall::http {

/// A request as it came from a socket.
struct Exchange {
    const boost::beast::http::request_header<>& head;
    std::string_view body;
    std::string_view peer_ip;
};

/// Takes a request from the session to its handler, and the answer back: route, token, rate limit, idempotency key,
/// handler, entity tag, compression. Thread-safe.
class Dispatcher {
public:
    /// Part of ServerOptions.
    struct Options {
        std::size_t compress_from_bytes = 1400;
        std::vector<std::string> trusted_proxies;
        std::vector<std::string> cors_origins;
    };
    Dispatcher(Options options, const Router& router, const AccessTokens& tokens, const Revocations& revocations,
               RateLimiter& limiter, const Clock& clock, IdGenerator& request_ids);
    Dispatcher(Dispatcher&&) noexcept;
    ~Dispatcher();

    /// Fills `request` from `exchange` and calls the handler of its route; both live until the task has ended. Never
    /// throws for what a request or a dependency does: the answer is then 4xx or 5xx.
    Task<Response> answer(Exchange exchange, Request& request);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
