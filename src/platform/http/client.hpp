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

/// Bounds of the client, for each peer.
struct ClientOptions {
    std::chrono::milliseconds connect_deadline{500};  // the name's look-up included
    std::chrono::milliseconds deadline{
        2000};  // of a request that names none: all its tries, to the last byte of the answer
    std::size_t max_answer_bytes = 8 << 20;  // header and body
    std::size_t max_in_flight = 256;         // more are refused at once
    std::size_t breaker_failures = 5;        // in a row, then the peer is left alone
    std::chrono::milliseconds breaker_open_for{1000};
    std::size_t max_tries = 2;  // of what is idempotent, while the retry budget lasts
};

/// A request to another server.
struct ClientRequest {
    std::string peer;  // whom the breaker, the bounds and the metrics count: "user"
    std::string method = "GET";
    std::string url;  // http or https, absolute
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<std::chrono::milliseconds> deadline;  // never beyond that of the current Call
    bool is_idempotent = false;                         // it may be sent twice
};

/// Of a request that was refused before it was sent even once: the peer is left alone, or too many are on their way to it.
class NotSent : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// Outbound HTTP/1.1: kept connections of each io thread, driven by its io_context; names are resolved on threads of libcurl. Passes on
/// X-Request-Id and traceparent of the current Call (async/call.hpp) and inherits its deadline. Follows no redirect, uses no proxy.
/// Thread-safe; outlives the coroutines that wait in it.
class Client {
public:
    explicit Client(ClientOptions options = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// The peer's answer, whatever its status but 502, 503 and 504.
    /// Throws Unavailable when the peer is away, too slow, or answers one of those; when its answer is larger than max_answer_bytes; at once when the deadline has
    /// passed; NotSent at once while its breaker is open, or too many requests are on their way to it. std::invalid_argument for a URL that is none.
    Task<ClientResponse> send(ClientRequest request);

    /// Gives up what is on its way: it throws Unavailable, as does every send() from now on.
    void stop();

private:
    struct State;
    const std::unique_ptr<State> state_;
};

}  // namespace guildhall::http
