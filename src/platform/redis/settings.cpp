#include "platform/redis/settings.hpp"

#include <charconv>
#include <stdexcept>

namespace guildhall::redis {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw std::invalid_argument("the Redis URL is malformed: " + why); }

// Splits `text` at the first `mark`: returns the part before it, and `text` becomes the part after it. Without a mark,
// returns all of it.
std::string_view cut(std::string_view& text, char mark) {
    const auto at = text.find(mark);
    const auto before = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    return before;
}

int number(std::string_view text, int most, const char* what) {
    int value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size() || value < 0 || value > most) refuse(what);
    return value;
}

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        const char* start = text.data() + i + 1;
        if (i + 2 >= text.size() || std::from_chars(start, start + 2, value, 16).ptr != start + 2) {
            refuse("a % without two hexadecimal digits");
        }
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

Endpoint endpoint(std::string_view text, const char* default_port) {
    Endpoint result;
    if (text.starts_with('[')) {
        if (!text.contains(']')) refuse("the address of a host");
        text.remove_prefix(1);
        result.host = cut(text, ']');
        if (!text.empty() && !text.starts_with(':')) refuse("the address of a host");
        if (!text.empty()) text.remove_prefix(1);
    } else {
        result.host = cut(text, ':');
    }
    if (result.host.empty()) refuse("a host without a name");
    result.port = text.empty() ? std::string(default_port) : std::to_string(number(text, 65535, "the port of a host"));
    return result;
}

}  // namespace

std::string Endpoint::text() const { return host + ':' + port; }

Settings parse_url(std::string_view url) {
    Settings settings;
    const auto colon = url.find("://");
    if (colon == std::string_view::npos) refuse("no scheme");
    std::string_view scheme = url.substr(0, colon);
    url.remove_prefix(colon + 3);

    std::string_view kind = scheme;
    const auto transport = cut(kind, '+');
    if (transport != "redis" && transport != "rediss") refuse("the scheme is neither redis nor rediss");
    settings.is_tls = transport == "rediss";
    if (kind == "sentinel") {
        settings.kind = Settings::Kind::sentinel;
    } else if (kind == "cluster") {
        settings.kind = Settings::Kind::cluster;
    } else if (scheme.contains('+')) {
        refuse("behind the + of the scheme may stand sentinel or cluster");
    }

    if (const auto at = url.rfind('@'); at != std::string_view::npos) {
        auto password = url.substr(0, at);
        if (!password.contains(':')) refuse("a user without a password");
        settings.user = decoded(cut(password, ':'));
        settings.password = decoded(password);
        url.remove_prefix(at + 1);
    }

    auto hosts = cut(url, '/');
    const char* port = settings.kind == Settings::Kind::sentinel ? "26379" : "6379";
    if (settings.kind == Settings::Kind::single) {
        if (hosts.contains(',')) refuse("several hosts need redis+sentinel or redis+cluster");
        settings.hosts.push_back(endpoint(hosts, port));
    } else {
        if (hosts.ends_with(',')) refuse("a host without a name");
        do settings.hosts.push_back(endpoint(cut(hosts, ','), port));
        while (!hosts.empty());
    }

    if (settings.kind == Settings::Kind::sentinel) {
        settings.group = decoded(cut(url, '/'));
        if (settings.group.empty()) refuse("the name of the group that the sentinels watch is missing");
    }
    if (!url.empty()) settings.database = number(url, 1'000'000, "the number of the database");
    if (settings.kind == Settings::Kind::cluster && settings.database != 0) refuse("a cluster has database 0 only");
    return settings;
}

}  // namespace guildhall::redis
