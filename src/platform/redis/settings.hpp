#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace guildhall::redis {

/// Where a server listens. `host` is a name or an address, IPv6 without brackets.
struct Endpoint {
    std::string host;
    std::string port;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
    /// "host:port", for the log.
    std::string text() const;
};

/// How Redis is reached, and how long and how much may wait for it.
struct Settings {
    /// One server; a group of servers that Sentinel watches; a Cluster.
    enum class Kind { single, sentinel, cluster };

    Kind kind = Kind::single;
    std::vector<Endpoint> hosts;  // the server; the sentinels; some nodes of the cluster
    std::string group;            // the name by which the sentinels know the primary
    std::string user;             // empty: "default"
    std::string password;         // empty: no AUTH. Not for the sentinels
    int database = 0;
    bool is_tls = false;  // certificates are verified against the system's authorities and the host's name

    std::chrono::milliseconds connect_deadline{1000};  // look-up, connecting and signing in together
    std::chrono::milliseconds command_deadline{500};   // includes waiting for a connection
    std::chrono::milliseconds ping_interval{
        2000};  // a connection that was silent this long is asked for a sign of life
    // Of one thread's commands to one server; more are refused.
    std::size_t max_waiting = 10'000;
    std::size_t max_waiting_bytes = 16 << 20;
};

/// Reads `redis://[[user]:password@]host[:port][/database]`, `redis+sentinel://[…@]host[:port],…/group[/database]` or
/// `redis+cluster://[…@]host[:port],…`; with `rediss` for TLS. User and password are percent-encoded. Ports are 6379, of sentinels 26379, unless
/// said otherwise. Throws std::invalid_argument, whose text does not repeat the URL: it may hold a password.
Settings parse_url(std::string_view url);

}  // namespace guildhall::redis
