#pragma once

#include <string>
#include <string_view>

namespace guildhall::neo4j {

/// Where a database of Neo4j is, and who we are there.
struct Settings {
    std::string url;       // http or https, host and port, nothing behind it
    std::string user;      // empty: without authentication
    std::string password;  // never in a message
    std::string database = "neo4j";
};

/// Reads `http[s]://[user:password@]host[:port][/database]`; user and password are percent-encoded, the port is 7474, with https 7473, unless said
/// otherwise. Throws std::invalid_argument, whose text does not repeat the URL: it may hold a password.
Settings parse_url(std::string_view url);

}  // namespace guildhall::neo4j
