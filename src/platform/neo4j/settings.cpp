#include "platform/neo4j/settings.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace guildhall::neo4j {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("the Neo4j URL is malformed: " + why); }

}  // namespace

Settings parse_url(std::string_view text) {
    const auto url = boost::urls::parse_uri({text.data(), text.size()});
    if (!url) refuse("it is no URL");
    if (url->scheme() != "http" && url->scheme() != "https") refuse("it begins with http:// or https://");
    if (url->encoded_host().empty()) refuse("a host without a name");
    if (url->has_query() || url->has_fragment()) refuse("nothing stands behind the database");
    if (url->has_userinfo() && (url->user().empty() || !url->has_password()))
        refuse("a user and a password, or neither");

    Settings settings;
    const std::string port(url->port().begin(), url->port().end());
    settings.url = std::string(url->scheme()) + "://" + std::string(url->encoded_host()) + ":" +
                   (!port.empty()              ? port
                    : url->scheme() == "https" ? "7473"
                                               : "7474");
    settings.user = url->user();
    settings.password = url->password();
    std::string database = url->path();
    // Boost 1.81 takes the "port" of "host:port" for a path.
    if ((!database.empty() && !database.starts_with('/')) || (!port.empty() && url->port_number() == 0))
        refuse("the port of a host");
    if (database.empty()) return settings;
    database.erase(0, 1);
    if (database.empty()) return settings;
    // Source: the Neo4j operations manual, names of databases. It becomes part of a path.
    const auto is_name_character = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    };
    if (!std::ranges::all_of(database, is_name_character) || database.starts_with('.'))
        refuse("the database's name has letters, digits, dots and dashes");
    settings.database = std::move(database);
    return settings;
}

}  // namespace guildhall::neo4j
