#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace guildhall::redis {

/// The address of a server. `host` is a name or an IP address, IPv6 without brackets.
struct Endpoint {
    std::string host;
    std::string port;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
    /// "host:port", for the log.
    std::string text() const;
};

/// The address of Redis, and its limits and deadlines.
struct Settings {
    /// One server, a group of servers under Sentinel, or a Cluster.
    enum class Kind { single, sentinel, cluster };

    Kind kind = Kind::single;
    std::vector<Endpoint> hosts;  // the server; the sentinels; some nodes of the cluster
    std::string group;            // the name by which the sentinels know the primary
    std::string user;             // empty: "default"
    std::string password;         // empty: no AUTH. Not for the sentinels
    int database = 0;
    bool is_tls = false;  // certificates are verified against the system's authorities and the host's name

    std::chrono::milliseconds connect_deadline{1000};  // look-up, connect and sign-in together
    std::chrono::milliseconds command_deadline{500};   // includes waiting for a connection
    std::chrono::milliseconds ping_interval{2000};     // after which a silent connection is tested with PING
    // Of the commands of one thread to one server; more are refused.
    std::size_t max_waiting = 10'000;
    std::size_t max_waiting_bytes = 16 << 20;
};

/// Reads `redis://[[user]:password@]host[:port][/database]`, `redis+sentinel://[…@]host[:port],…/group[/database]` or
/// `redis+cluster://[…@]host[:port],…`; `rediss` is with TLS. User and password are percent-encoded. The default port
/// is 6379, of sentinels 26379. Throws std::invalid_argument, whose text does not quote the URL, which may contain a
/// password.
Settings parse_url(std::string_view url);

}  // namespace guildhall::redis
