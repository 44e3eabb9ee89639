#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/id.hpp"
#include "platform/base/ip_address.hpp"
#include "platform/base/result.hpp"

namespace guildhall::http {

class IdempotencyClaim;

/// What a service may need to know about the request besides its input. Lives as long as the handler runs.
struct RequestContext {
    std::string request_id;
    std::string_view path;    // as sent, without the query
    std::string traceparent;  // W3C, with a span id of our own; passed on with every event and outward call
    IpAddress address;        // of the client
    std::string ip;           // the same as text
    std::string user_agent;
    /// The versions that If-Match names; nothing when the header is absent or "*".
    std::optional<std::vector<std::int64_t>> if_match;
    /// The caller's Idempotency-Key, to be recorded in the transaction of the fact (http/idempotency.hpp); null when
    /// none was sent.
    IdempotencyClaim* idempotency = nullptr;
    /// After this nobody waits for the answer; outward calls end by then.
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    /// True when no write depends on what this request reads: a GET, or an internal request on behalf of one.
    bool reads_only = false;
};

/// A signed-in member who makes a request.
struct Caller {
    UserId id;
    SessionId session;
    const RequestContext* request;
};

/// The caller of a route that is open to anyone: a member, or nobody who is signed in (`id` is 0).
struct Visitor {
    UserId id;
    SessionId session;
    const RequestContext* request;
};

/// 412 unless If-Match is absent or names `version`.
inline Result<void> check_if_match(const RequestContext& request, std::int64_t version) {
    if (!request.if_match || std::ranges::find(*request.if_match, version) != request.if_match->end()) return {};
    return Error{Code::precondition_failed, "the resource has changed since the version that If-Match names"};
}

}  // namespace guildhall::http
