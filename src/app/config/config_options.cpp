#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "app/config/config.hpp"
#include "app/services.hpp"
#include "platform/base/text.hpp"

namespace guildhall::app {
namespace {

std::optional<std::string> parse(std::string_view text, std::string& out) {
    out = text;
    return std::nullopt;
}
std::optional<std::string> parse(std::string_view text, std::filesystem::path& out) {
    if (text.empty()) return "must not be empty";
    out = text;
    return std::nullopt;
}
std::optional<std::string> parse(std::string_view text, bool& out) {
    out = text == "true";
    return out || text == "false" ? std::nullopt : std::optional<std::string>("must be true or false");
}
template <std::integral T>
std::optional<std::string> parse(std::string_view text, T& out) {
    std::int64_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || ec != std::errc{} || end != text.data() + text.size() || number < 0)
        return "must be a whole number, not negative";
    out = static_cast<T>(number);
    return std::nullopt;
}
template <class Rep, class Period>
std::optional<std::string> parse(std::string_view text, std::chrono::duration<Rep, Period>& out) {
    std::int64_t number = 0;
    if (auto wrong = parse(text, number)) return wrong;
    if (number == 0 || number > 1'000'000'000) return "must be from 1 to 1000000000";
    out = std::chrono::duration<Rep, Period>(number);
    return std::nullopt;
}
std::optional<std::string> parse(std::string_view text, std::vector<std::string>& out) {
    out.clear();
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        if (const std::string_view item = trim(text.substr(0, end)); !item.empty()) out.emplace_back(item);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::nullopt;
}
std::optional<std::string> parse(std::string_view text, std::vector<IpNetwork>& out) {
    std::vector<std::string> items;
    parse(text, items);
    out.clear();
    for (const std::string& item : items) {
        const auto network = IpNetwork::parse(item);
        if (!network) return "must be IP addresses or ranges, as 10.0.0.0/8, not '" + item + "'";
        out.push_back(*network);
    }
    return std::nullopt;
}

std::string print(const std::string& value) { return value; }
std::string print(const std::filesystem::path& value) { return value.string(); }
std::string print(bool value) { return value ? "true" : "false"; }
template <std::integral T>
std::string print(T value) {
    return std::to_string(value);
}
template <class Rep, class Period>
std::string print(std::chrono::duration<Rep, Period> value) {
    return std::to_string(value.count());
}
std::string print(const std::vector<std::string>& value) {
    std::string out;
    for (const auto& item : value) out += (out.empty() ? "" : ",") + item;
    return out;
}

std::string print(const std::vector<IpNetwork>& value) {
    std::string out;
    for (const IpNetwork& item : value) out += (out.empty() ? "" : ",") + item.text();
    return out;
}

template <class Member>
Option option(std::string key, std::string help, Member member, std::string alias = {}) {
    return {std::move(key),
            std::move(help),
            std::move(alias),
            false,
            [member](Config& config, std::string_view text) { return parse(text, member(config)); },
            [member](const Config& config) { return print(member(const_cast<Config&>(config))); }};
}

template <class Member>
Option secret(std::string key, std::string help, Member member) {
    Option made = option(std::move(key), std::move(help), member);
    made.is_secret = true;
    return made;
}

/// A duration that may be 0: none.
template <class Member>
Option option_or_none(std::string key, std::string help, Member member) {
    Option made = option(std::move(key), std::move(help), member);
    made.set = [member, set_some = std::move(made.set)](Config& config,
                                                        std::string_view text) -> std::optional<std::string> {
        if (text != "0") return set_some(config, text);
        member(config) = {};
        return std::nullopt;
    };
    return made;
}

/// A path that may be empty: none.
template <class Member>
Option optional_path(std::string key, std::string help, Member member) {
    Option made = option(std::move(key), std::move(help), member);
    made.set = [member](Config& config, std::string_view text) -> std::optional<std::string> {
        member(config) = text;
        return std::nullopt;
    };
    return made;
}

Option listen_option() {
    const auto set = [](Config& config, std::string_view text) -> std::optional<std::string> {
        auto listen = parse_listen(text);
        if (!listen) return "must be ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080";
        config.http.address = std::move(listen->ip);
        config.http.port = listen->port;
        return std::nullopt;
    };
    const auto get = [](const Config& config) { return print_listen(config.http.address, config.http.port); };
    return {"http.listen", "ADDRESS:PORT; port 0 takes a free one", "--listen", false, set, get};
}

Option rate_limit_option(std::string key, std::string help, http::RateClass rate_class) {
    return option(std::move(key), std::move(help), [at = static_cast<std::size_t>(rate_class)](Config& c) -> auto& {
        return c.rate_limits[at].requests;
    });
}

std::vector<Option> server_options() {
    return {
        option(
            "data_dir", "Folder of the embedded databases and of the mails that are sent to files",
            [](Config& c) -> auto& { return c.data_dir; }, "--data"),
        option("drain_deadline", "Seconds that running requests get after SIGTERM",
               [](Config& c) -> auto& { return c.drain_deadline; }),
        option("log.level", "trace, debug, info, warn or error", [](Config& c) -> auto& { return c.log.level; }),
        option("log.json", "One JSON object a line; false: plain text", [](Config& c) -> auto& { return c.log.json; }),
        listen_option(),
        option("http.threads", "io threads; 0: one a core", [](Config& c) -> auto& { return c.http.threads; }),
        option("http.max_connections", "More are answered 503 and closed",
               [](Config& c) -> auto& { return c.http.max_connections; }),
        option("http.max_connections_per_address",
               "Of an address, IPv6 by /64, but not of trusted proxies; more are answered 429 and closed",
               [](Config& c) -> auto& { return c.http.max_connections_per_address; }),
        option("http.max_header_bytes", "Larger request headers get 431",
               [](Config& c) -> auto& { return c.http.max_header_bytes; }),
        option("http.max_body_bytes", "Larger request bodies get 413",
               [](Config& c) -> auto& { return c.http.max_body_bytes; }),
        option("http.max_visitor_body_bytes", "Larger bodies of requests that need no token get 413",
               [](Config& c) -> auto& { return c.http.max_visitor_body_bytes; }),
        option("http.max_received_bytes",
               "Memory for all requests that are received or handled, besides 4 KiB a connection; more get 503",
               [](Config& c) -> auto& { return c.http.max_received_bytes; }),
        option("http.compress_from_bytes", "Smaller answers are not compressed",
               [](Config& c) -> auto& { return c.http.compress_from_bytes; }),
        option("http.header_deadline", "Seconds from a request's first byte to the end of its header",
               [](Config& c) -> auto& { return c.http.header_deadline; }),
        option("http.body_deadline", "Seconds until the body is there",
               [](Config& c) -> auto& { return c.http.body_deadline; }),
        option("http.handler_deadline", "Seconds until a request must be worked out; then it gets 503",
               [](Config& c) -> auto& { return c.http.handler_deadline; }),
        option("http.write_deadline", "Seconds until the client has taken the answer",
               [](Config& c) -> auto& { return c.http.write_deadline; }),
        option("http.idle_deadline", "Seconds that a kept connection may be silent",
               [](Config& c) -> auto& { return c.http.idle_deadline; }),
        option_or_none(
            "http.drain_notice",
            "Seconds between SIGTERM (from then on /readyz says 503) and the end of listening, for load balancers",
            [](Config& c) -> auto& { return c.http.drain_notice; }),
        option("http.trusted_proxies", "Addresses or ranges (CIDR) whose X-Forwarded-For is believed",
               [](Config& c) -> auto& { return c.http.trusted_proxies; }),
        option("http.cors_origins", "Origins that browsers may call from",
               [](Config& c) -> auto& { return c.http.cors_origins; }),
        option("http.access_log", "One line a request on standard output",
               [](Config& c) -> auto& { return c.http.access_log; }),
    };
}

/// "user, connection and post"
std::string listed_services() {
    std::string list;
    for (const ServiceRow& row : services()) {
        const bool is_last = &row == &services().back();
        list.append(list.empty() ? "" : is_last ? " and " : ", ").append(row.name);
    }
    return list;
}

std::vector<Option> service_options() {
    std::vector<Option> table{
        option(
            "services.run", "Which of " + listed_services() + " this process runs; empty: all",
            [](Config& c) -> auto& { return c.services.run; }, "--services"),
        secret("services.secrets",
               "Shared by all processes, at least 32 bytes each; the first signs internal requests, all are accepted",
               [](Config& c) -> auto& { return c.services.secrets; }),
    };
    for (const ServiceRow& row : services()) {
        const std::string name(row.name);
        Option urls =
            option("services." + name + ".url",
                   "Base URLs of the " + name + " service in other processes, asked in turn: http://" + name + ":8080",
                   [name](Config& c) -> auto& { return c.services.urls[name]; });
        urls.get = [name](const Config& c) { return print(c.services.urls_of(name)); };  // adds no empty list
        table.push_back(std::move(urls));
    }
    return table;
}

std::vector<Option> engine_options() {
    return {
        secret("redis.url",
               "redis://, redis+sentinel:// or redis+cluster:// URL (rediss: TLS); empty: one process has it in memory",
               [](Config& c) -> auto& { return c.redis.url; }),
        option("redis.prefix", "Before every key and channel in Redis",
               [](Config& c) -> auto& { return c.redis.prefix; }),
        secret("bus.url", "amqp:// URLs of RabbitMQ's nodes; empty: events stay in this process",
               [](Config& c) -> auto& { return c.bus.urls; }),
        option("bus.prefix", "Before every exchange and queue in RabbitMQ",
               [](Config& c) -> auto& { return c.bus.prefix; }),
        secret("mail.url",
               "smtp:// (with STARTTLS) or smtps:// URL of the mail server, with user and password; empty: files",
               [](Config& c) -> auto& { return c.mail.url; }),
        option("mail.from", "Sender of all mails: an address, or a name and an address in angle brackets",
               [](Config& c) -> auto& { return c.mail.from; }),
        option("mail.tls", "false: no STARTTLS, for a server on the same machine",
               [](Config& c) -> auto& { return c.mail.is_tls_required; }),
        optional_path("mail.ca_file", "PEM file of the authorities of the mail server; empty: those of the system",
                      [](Config& c) -> auto& { return c.mail.ca_file; }),
        option("mail.deadline", "Seconds that the mail server may take for a mail; at most 50",
               [](Config& c) -> auto& { return c.mail.deadline; }),
        secret("graph.url", "http:// URL of Neo4j, with user and password; empty: the social graph is in this process",
               [](Config& c) -> auto& { return c.connection.graph.url; }),
        option("graph.prefix", "Before every label, type and index in Neo4j: letters, digits, underscores",
               [](Config& c) -> auto& { return c.connection.graph.prefix; }),
        option("graph.question_deadline",
               "Milliseconds until Neo4j must have answered a question; then it is given up with 503",
               [](Config& c) -> auto& { return c.connection.graph.question_deadline; }),
        option("connections.invitations_a_week", "Invitations that a member may send in a week; more get 429",
               [](Config& c) -> auto& { return c.connection.limits.invitations_a_week; }),
        option("connections.max_pending_invitations", "Invitations of a member that may wait for their answers",
               [](Config& c) -> auto& { return c.connection.limits.pending_invitations; }),
        option("connections.max_connections", "Connections that a member may have",
               [](Config& c) -> auto& { return c.connection.limits.connections; }),
        option("connections.max_follows",
               "Members whom one may follow without a connection, and connections whom one may unfollow, together",
               [](Config& c) -> auto& { return c.connection.limits.follows; }),
        option("sql.engine", "sqlite (embedded) or postgres", [](Config& c) -> auto& { return c.sql.engine; }),
        secret("sql.dsn",
               "libpq connection string or URL of PostgreSQL; a schema for each service. Of several hosts, the primary",
               [](Config& c) -> auto& { return c.sql.postgres.dsn; }),
        secret("sql.replicas", "The same for streaming standbys, which answer reads",
               [](Config& c) -> auto& { return c.sql.postgres.replicas; }),
        option("sql.connections_per_thread", "PostgreSQL connections of each service and io thread",
               [](Config& c) -> auto& { return c.sql.postgres.connections_per_thread; }),
        option("sql.statement_deadline", "Milliseconds that a PostgreSQL statement may take",
               [](Config& c) -> auto& { return c.sql.postgres.statement_deadline; }),
        option("sql.max_waiting_writes", "SQLite transactions that may wait for the writer; more get 503",
               [](Config& c) -> auto& { return c.sql.sqlite.max_waiting_writes; }),
        option("sql.page_cache_bytes", "SQLite page cache of each connection",
               [](Config& c) -> auto& { return c.sql.sqlite.cache_bytes; }),
        option("cache.max_bytes", "Bound of the embedded cache", [](Config& c) -> auto& { return c.cache.max_bytes; }),
        option("auth.issuer", "iss and aud of the access tokens", [](Config& c) -> auto& { return c.user.issuer; }),
        option("auth.access_token_ttl", "Seconds; at most 900",
               [](Config& c) -> auto& { return c.user.access_token_ttl; }),
        option("auth.refresh_token_ttl", "Seconds since the last refresh",
               [](Config& c) -> auto& { return c.user.refresh_token_ttl; }),
        option_or_none("auth.refresh_grace",
                       "Seconds for which a refresh token that was just used gives the same successor again; 0: none",
                       [](Config& c) -> auto& { return c.user.refresh_grace; }),
        option("auth.hashing_threads", "Threads that hash passwords; each hash costs 19 MiB and about 64 ms",
               [](Config& c) -> auto& { return c.user.hashing_threads; }),
        option("auth.hashing_queue", "Hashes that may wait; more get 503",
               [](Config& c) -> auto& { return c.user.hashing_queue; }),
        option("auth.lockout_failures",
               "Failed sign-ins to an account before it is locked for the window; a known device counts apart",
               [](Config& c) -> auto& { return c.user.throttle.account_failures; }),
        option("auth.lockout_ip_failures", "Failed sign-ins from an address before it is locked for the window",
               [](Config& c) -> auto& { return c.user.throttle.ip_failures; }),
        option("auth.ip_registrations",
               "Registrations, and requests for a new password, from an address within the window; more get 429",
               [](Config& c) -> auto& { return c.user.throttle.ip_registrations; }),
        option("auth.lockout_window", "Seconds", [](Config& c) -> auto& { return c.user.throttle.window; }),
        rate_limit_option("rate_limits.read_per_minute", "Reading requests of a member (or address)",
                          http::RateClass::read),
        rate_limit_option("rate_limits.write_per_minute", "Writing requests of a member (or address)",
                          http::RateClass::write),
        rate_limit_option("rate_limits.auth_per_minute", "Requests to /v1/auth of an address", http::RateClass::auth),
    };
}

}  // namespace

const std::vector<Option>& options() {
    static const std::vector<Option> table = [] {
        std::vector<Option> all = server_options();
        for (auto* part : {service_options, engine_options})
            for (Option& option : part()) all.push_back(std::move(option));
        return all;
    }();
    return table;
}

std::string environment_name(const Option& option) {
    std::string name = "GUILDHALL_" + option.key;
    std::ranges::transform(name, name.begin(), [](char c) {
        return c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    return name;
}

std::string flag_name(const Option& option) {
    std::string name = "--" + option.key;
    std::ranges::replace(name, '.', '-');
    std::ranges::replace(name, '_', '-');
    return name;
}

}  // namespace guildhall::app
