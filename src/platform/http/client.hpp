#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/result.hpp"
#include "platform/http/client_response.hpp"

namespace guildhall::http {

/// Limits of the client, for each peer.
struct ClientOptions {
    std::chrono::milliseconds connect_deadline{500};  // including the DNS look-up
    /// Of a request that has no own: for all its tries, to the last byte of the answer.
    std::chrono::milliseconds deadline{2000};
    std::size_t max_answer_bytes = 8 << 20;  // header and body
    std::size_t max_in_flight = 256;         // more are refused at once
    std::size_t breaker_failures = 5;        // in a row; then the breaker opens
    std::chrono::milliseconds breaker_open_for{1000};
    std::size_t max_tries = 2;  // of idempotent requests, while the retry budget lasts
};

/// A request to another server.
struct ClientRequest {
    std::string peer;  // the name under which breaker, limits and metrics count it: "user"
    std::string method = "GET";
    std::string url;  // http or https, absolute
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<std::chrono::milliseconds> deadline;  // the current Call may end it earlier
    bool is_idempotent = false;                         // it may be sent twice
};

/// Thrown for a request that was refused before it was sent even once: the breaker is open, or too many requests to the
/// peer are in flight.
class NotSent : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// Outbound HTTP/1.1. Each io thread keeps its own connections, driven by its io_context; names are resolved on threads
/// of libcurl. A request carries X-Request-Id and traceparent of the current Call (async/call.hpp) and inherits its
/// deadline. Follows no redirects and uses no proxy. Thread-safe; outlives the coroutines that wait in it.
class Client {
public:
    explicit Client(ClientOptions options = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The peer's answer, whatever its status, except 502, 503 and 504. Throws Unavailable when the peer cannot be
    /// reached, is too slow, or answers with one of those; when its answer is larger than max_answer_bytes; at once
    /// when the deadline has passed. Throws NotSent at once while the breaker is open, or when too many requests to the
    /// peer are in flight; std::invalid_argument for an invalid URL.
    Task<ClientResponse> send(ClientRequest request);

    /// Gives up the requests in flight: they throw Unavailable, as does every send() from now on.
    void stop();

private:
    struct State;
    const std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
