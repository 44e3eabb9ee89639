#include "app/config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include <arpa/inet.h>
#include <toml++/toml.h>

#include "platform/base/log.hpp"
#include "platform/sql/postgres_settings.hpp"

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
        if (end > 0) out.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
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

const Option* find_option(std::string_view key) {
    const auto found = std::ranges::find(options(), key, &Option::key);
    return found == options().end() ? nullptr : &*found;
}

void set(Config& config, std::string_view key, std::string_view value, std::string_view source) {
    const Option* option = find_option(key);
    if (!option) throw std::runtime_error(std::string(source) + ": unknown key '" + std::string(key) + "'");
    if (auto wrong = option->set(config, value))
        throw std::runtime_error(std::string(source) + ": " + std::string(key) + " " + *wrong);
}

void read_table(const toml::table& table, const std::string& prefix, Config& config, const std::string& source) {
    const auto wrong = [&](const std::string& key, std::string_view what) {
        return std::runtime_error(std::string(source).append(": ").append(key).append(" ").append(what));
    };
    for (const auto& [name, node] : table) {
        const std::string key = prefix + std::string(name.str());
        if (const auto* inner = node.as_table()) {
            read_table(*inner, key + ".", config, source);
        } else if (const auto* list = node.as_array()) {
            std::string joined;
            for (const auto& item : *list) {
                const auto text = item.value<std::string>();
                if (!text || text->find(',') != std::string::npos)
                    throw wrong(key, "must be a list of strings without commas");
                joined += (joined.empty() ? "" : ",") + *text;
            }
            set(config, key, joined, source);
        } else if (const auto text = node.value_exact<std::string>()) {
            set(config, key, *text, source);
        } else if (const auto number = node.value_exact<std::int64_t>()) {
            set(config, key, std::to_string(*number), source);
        } else if (const auto flag = node.value_exact<bool>()) {
            set(config, key, *flag ? "true" : "false", source);
        } else {
            throw wrong(key, "must be text, a whole number, true or false");
        }
    }
}

void demand(bool is_sound, const char* key_and_rule) {
    if (!is_sound) throw std::runtime_error(key_and_rule);
}

bool is_ip(const std::string& text) {
    in6_addr address{};
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1 || ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

/// As browsers send it: scheme://host or scheme://host:port.
bool is_origin(std::string_view text) {
    const auto scheme = text.find("://");
    return scheme != std::string_view::npos && scheme > 0 && scheme + 3 < text.size() &&
           text.find_first_of("/ *", scheme + 3) == std::string_view::npos;
}

void check_sql(const Config::Sql& sql) {
    demand(sql.engine == "sqlite" || sql.engine == "postgres", "sql.engine must be sqlite or postgres");
    demand(sql.connections_per_thread > 0, "sql.connections_per_thread must be at least 1");
    demand(sql.max_waiting_writes > 0, "sql.max_waiting_writes must be at least 1");
    if (sql.engine != "postgres") return;
    demand(!sql.dsn.empty(), "sql.dsn is needed when sql.engine is postgres");
    try {
        const sql::PostgresSettings parsed({.dsn = sql.dsn, .schema = "any"});
    } catch (const std::invalid_argument& fault) {
        throw std::runtime_error(std::string("sql.dsn: ") + fault.what());
    }
}

void check_http(const Config::Http& http) {
    demand(parse_listen(http.listen).has_value(), "http.listen must be ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080");
    demand(http.threads <= 1024, "http.threads must be at most 1024");
    demand(http.max_connections > 0, "http.max_connections must be at least 1");
    demand(http.max_header_bytes > 0 && http.max_header_bytes <= (1U << 30),
           "http.max_header_bytes must be from 1 to 1073741824");
    demand(std::ranges::all_of(http.trusted_proxies, is_ip), "http.trusted_proxies must be IP addresses");
    demand(std::ranges::all_of(http.cors_origins, is_origin),
           "http.cors_origins must be origins, as https://www.example.org, without a path");
}

void check(const Config& config) {
    std::error_code absent;
    demand(std::filesystem::is_directory(config.data_dir, absent) || !std::filesystem::exists(config.data_dir, absent),
           "data_dir must be a folder");
    demand(is_log_level(config.log.level), "log.level must be trace, debug, info, warn or error");
    check_sql(config.sql);
    check_http(config.http);
    demand(!config.auth.issuer.empty(), "auth.issuer must not be empty");
    demand(config.auth.access_token_ttl <= std::chrono::minutes(15),
           "auth.access_token_ttl must be at most 900: a revoked session's token lives that long");
    demand(config.auth.hashing_threads > 0 && config.auth.hashing_threads <= 1024,
           "auth.hashing_threads must be from 1 to 1024");
    demand(config.auth.lockout_failures > 0, "auth.lockout_failures must be at least 1");
    demand(config.auth.lockout_ip_failures > 0, "auth.lockout_ip_failures must be at least 1");
    demand(config.rate_limits.read_per_minute > 0, "rate_limits.read_per_minute must be at least 1");
    demand(config.rate_limits.write_per_minute > 0, "rate_limits.write_per_minute must be at least 1");
    demand(config.rate_limits.auth_per_minute > 0, "rate_limits.auth_per_minute must be at least 1");
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

std::optional<ListenAddress> parse_listen(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view port = text.substr(colon + 1);
    std::string_view ip = text.substr(0, colon);
    const bool is_bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
    if (is_bracketed) ip = ip.substr(1, ip.size() - 2);
    ListenAddress address{std::string(ip), 0};
    const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (fault != std::errc{} || end != port.data() + port.size() || !is_ip(address.ip)) return std::nullopt;
    if (is_bracketed != address.ip.contains(':')) return std::nullopt;
    return address;
}

const std::vector<Option>& options() {
    static const std::vector<Option> table{
        option(
            "data_dir", "Folder of the embedded databases and of the mails that are sent to files",
            [](Config& c) -> auto& { return c.data_dir; }, "--data"),
        option("drain_deadline", "Seconds that running requests get after SIGTERM",
               [](Config& c) -> auto& { return c.drain_deadline; }),
        option("log.level", "trace, debug, info, warn or error", [](Config& c) -> auto& { return c.log.level; }),
        option("log.json", "One JSON object a line; false: plain text", [](Config& c) -> auto& { return c.log.json; }),
        option(
            "http.listen", "ADDRESS:PORT; port 0 takes a free one", [](Config& c) -> auto& { return c.http.listen; },
            "--listen"),
        option("http.threads", "io threads; 0: one a core", [](Config& c) -> auto& { return c.http.threads; }),
        option("http.max_connections", "More are answered 503 and closed",
               [](Config& c) -> auto& { return c.http.max_connections; }),
        option("http.max_header_bytes", "Larger request headers get 431",
               [](Config& c) -> auto& { return c.http.max_header_bytes; }),
        option("http.max_body_bytes", "Larger request bodies get 413",
               [](Config& c) -> auto& { return c.http.max_body_bytes; }),
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
        option("http.trusted_proxies", "Addresses whose X-Forwarded-For is believed",
               [](Config& c) -> auto& { return c.http.trusted_proxies; }),
        option("http.cors_origins", "Origins that browsers may call from",
               [](Config& c) -> auto& { return c.http.cors_origins; }),
        option("http.access_log", "One line a request on standard output",
               [](Config& c) -> auto& { return c.http.access_log; }),
        option("sql.engine", "sqlite (embedded) or postgres", [](Config& c) -> auto& { return c.sql.engine; }),
        secret("sql.dsn", "libpq connection string or URL of PostgreSQL; each service has a schema of its own there",
               [](Config& c) -> auto& { return c.sql.dsn; }),
        option("sql.connections_per_thread", "PostgreSQL connections of each service and io thread",
               [](Config& c) -> auto& { return c.sql.connections_per_thread; }),
        option("sql.statement_deadline", "Milliseconds that a PostgreSQL statement may take",
               [](Config& c) -> auto& { return c.sql.statement_deadline; }),
        option("sql.max_waiting_writes", "SQLite transactions that may wait for the writer; more get 503",
               [](Config& c) -> auto& { return c.sql.max_waiting_writes; }),
        option("sql.page_cache_bytes", "SQLite page cache of each connection",
               [](Config& c) -> auto& { return c.sql.page_cache_bytes; }),
        option("cache.max_bytes", "Bound of the embedded cache", [](Config& c) -> auto& { return c.cache.max_bytes; }),
        option("auth.issuer", "iss and aud of the access tokens", [](Config& c) -> auto& { return c.auth.issuer; }),
        option("auth.access_token_ttl", "Seconds; at most 900",
               [](Config& c) -> auto& { return c.auth.access_token_ttl; }),
        option("auth.refresh_token_ttl", "Seconds since the last refresh",
               [](Config& c) -> auto& { return c.auth.refresh_token_ttl; }),
        option("auth.hashing_threads", "Threads that hash passwords; each hash costs 19 MiB and about 64 ms",
               [](Config& c) -> auto& { return c.auth.hashing_threads; }),
        option("auth.hashing_queue", "Hashes that may wait; more get 503",
               [](Config& c) -> auto& { return c.auth.hashing_queue; }),
        option("auth.lockout_failures", "Failed sign-ins to an account before it is locked for the window",
               [](Config& c) -> auto& { return c.auth.lockout_failures; }),
        option("auth.lockout_ip_failures", "Failed sign-ins from an address before it is locked for the window",
               [](Config& c) -> auto& { return c.auth.lockout_ip_failures; }),
        option("auth.ip_registrations", "Registrations from an address within the window; more get 429 for as long",
               [](Config& c) -> auto& { return c.auth.ip_registrations; }),
        option("auth.lockout_window", "Seconds", [](Config& c) -> auto& { return c.auth.lockout_window; }),
        option("rate_limits.read_per_minute", "Reading requests of a member (or address)",
               [](Config& c) -> auto& { return c.rate_limits.read_per_minute; }),
        option("rate_limits.write_per_minute", "Writing requests of a member (or address)",
               [](Config& c) -> auto& { return c.rate_limits.write_per_minute; }),
        option("rate_limits.auth_per_minute", "Requests to /v1/auth of an address",
               [](Config& c) -> auto& { return c.rate_limits.auth_per_minute; }),
    };
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

Config load_config(const std::filesystem::path& file, const std::vector<Override>& overrides) {
    Config config;
    if (!file.empty()) {
        try {
            read_table(toml::parse_file(file.string()), "", config, file.string());
        } catch (const toml::parse_error& wrong) {
            throw std::runtime_error(file.string() + ": line " + std::to_string(wrong.source().begin.line) + ": " +
                                     std::string(wrong.description()));
        }
    }
    for (const Option& option : options())
        // Nothing changes the environment of this program. NOLINTNEXTLINE(concurrency-mt-unsafe)
        if (const char* value = std::getenv(environment_name(option).c_str()))
            set(config, option.key, value, environment_name(option));
    for (const Override& override_ : overrides) set(config, override_.key, override_.value, "command line");
    check(config);
    return config;
}

std::string print_config(const Config& config) {
    std::string out;
    std::string table;
    for (const Option& option : options()) {
        const auto dot = option.key.find('.');
        const std::string section = dot == std::string::npos ? "" : option.key.substr(0, dot);
        if (section != table) {
            table = section;
            out += "\n[" + table + "]\n";
        }
        const std::string value = option.get(config);
        const bool is_bare =
            value == "true" || value == "false" ||
            (!value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; }));
        out += option.key.substr(dot == std::string::npos ? 0 : dot + 1) + " = ";
        out += option.is_secret && !value.empty() ? "\"********\"" : is_bare ? value : quoted(value);
        out += '\n';
    }
    return out;
}

std::string document_options() {
    std::string out = "| key | environment | flag | default | meaning |\n|---|---|---|---|---|\n";
    const Config defaults;
    for (const Option& option : options()) {
        const std::string value = option.get(defaults);
        out += "| `" + option.key + "` | `" + environment_name(option) + "` | `" + flag_name(option) + "`" +
               (option.alias.empty() ? "" : ", `" + option.alias + "`") + " | " +
               (value.empty() ? "" : "`" + value + "`") + " | " + option.help + (option.is_secret ? " (secret)" : "") +
               " |\n";
    }
    return out;
}

}  // namespace guildhall::app
