#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/base/ip_address.hpp"

namespace guildhall::http {

/// So many connections above a limit are answered. Still more are closed without an answer.
inline constexpr std::size_t kMaxTurnedAway = 256;
/// The same of one address, so that it does not take the answers of all others.
inline constexpr std::size_t kMaxTurnedAwayOfAddress = kMaxTurnedAway / 4;

/// Limits and deadlines of the server. Every phase of a session has one.
struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;             // 0: any free port
    std::size_t max_connections = 10'000;  // more get 503 at once
    /// Of one address, IPv6 by /64; more get 429 at once. Trusted proxies have no such limit.
    std::size_t max_connections_per_address = 1'000;
    std::size_t max_header_bytes = 16 << 10;
    std::size_t max_body_bytes = 1 << 20;
    std::size_t max_visitor_body_bytes = 16 << 10;  // of requests that need no token
    /// Of all requests that are received or handled, together, besides 4 KiB for each connection; more get 503.
    std::size_t max_received_bytes = 64 << 20;
    std::size_t compress_from_bytes = 1400;    // smaller answers fit into one packet anyway
    std::chrono::seconds header_deadline{10};  // from the first byte of a request to the end of its header
    std::chrono::seconds body_deadline{30};
    /// Of a route's handler. When it passes, the client gets 503 (deadline_exceeded) and the session ends; the handler
    /// runs to its end, but nobody gets its answer.
    std::chrono::seconds handler_deadline{30};
    std::chrono::seconds write_deadline{30};
    std::chrono::seconds idle_deadline{75};
    std::vector<IpNetwork> trusted_proxies;  // addresses whose X-Forwarded-For is believed
    std::vector<std::string> cors_origins;   // origins that browsers may call from
    bool access_log = true;
};

}  // namespace guildhall::http
