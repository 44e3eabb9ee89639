#pragma once

#include <string>
#include <string_view>

namespace guildhall::neo4j {

/// The address of a Neo4j database, and the credentials for it.
struct Settings {
    std::string url;       // http or https, host and port only
    std::string user;      // empty: without authentication
    std::string password;  // never in a message
    std::string database = "neo4j";
};

/// Reads `http[s]://[user:password@]host[:port][/database]`. User and password are percent-encoded. The default port is
/// 7474, with https 7473. Throws std::invalid_argument, whose text does not quote the URL, which may contain a
/// password.
Settings parse_url(std::string_view url);

}  // namespace guildhall::neo4j
