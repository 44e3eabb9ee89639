#include "app/config/config_check.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <regex>
#include <stdexcept>
#include <string>

#include "app/services.hpp"
#include "platform/base/log.hpp"
#include "platform/bus/rabbitmq_connection.hpp"
#include "platform/http/internal_token.hpp"
#include "platform/json/describe.hpp"
#include "platform/mail/eml.hpp"
#include "platform/neo4j/settings.hpp"
#include "platform/redis/settings.hpp"
#include "platform/sql/postgres_settings.hpp"
#include "services/connection/graph/neo4j_queries.hpp"

namespace guildhall::app {
namespace {

/// Collects what is wrong.
class Faults {
public:
    void add(std::string fault) { found_.push_back(std::move(fault)); }
    void demand(bool is_sound, std::string key_and_rule) {
        if (!is_sound) add(std::move(key_and_rule));
    }
    /// Adds what `parse` throws, without the value: that may be a secret.
    template <class Parse>
    void attempt(std::string_view key, Parse parse) {
        try {
            parse();
        } catch (const std::invalid_argument& fault) {
            add(std::string(key).append(": ").append(fault.what()));
        }
    }
    std::vector<std::string> take() { return std::move(found_); }

private:
    std::vector<std::string> found_;
};

/// Why browsers never send `text` as Origin (RFC 6454 §6.2); nothing when they may.
std::optional<std::string_view> fault_of_origin(std::string_view text) {
    if (text == "*") return "any page could then read the answers; name the origins that may";
    const auto separator = text.find("://");
    const std::string_view scheme = text.substr(0, std::min(separator, text.size()));
    const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto is_scheme = [&](char c) { return is_lower(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
    if (separator == std::string_view::npos || scheme.empty() || !std::ranges::all_of(scheme, is_scheme))
        return "it must begin with a scheme in lower case, as https://";
    const std::string_view rest = text.substr(separator + 3);
    if (rest.find_first_of("/?#") != std::string_view::npos)
        return "it must end behind the host or port, without a path";
    const std::string_view host = rest.substr(0, rest.starts_with('[') ? rest.find(']') + 1 : rest.find(':'));
    const auto is_host = [&](char c) {
        return is_lower(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '[' || c == ']' || c == ':';
    };
    if (host.empty() || !std::ranges::all_of(host, is_host))
        return "its host must be in lower case and ASCII, without a user or wildcards";
    const std::string_view port = rest.substr(host.size());
    if (port.empty()) return std::nullopt;
    const std::string_view digits = port.substr(1);
    if (digits.empty() || digits.size() > 5 || !std::ranges::all_of(digits, is_digit))
        return "its port must be a number";
    if ((scheme == "http" && digits == "80") || (scheme == "https" && digits == "443"))
        return "the default port of a scheme must be left out";
    return std::nullopt;
}

void check_dsn(Faults& faults, const std::string& key, const std::string& dsn) {
    faults.attempt(key, [&] { const sql::PostgresSettings parsed({.dsn = dsn, .schema = "any"}); });
}

void check_sql(Faults& faults, const Config::Sql& sql) {
    faults.demand(sql.engine == "sqlite" || sql.engine == "postgres", "sql.engine must be sqlite or postgres");
    faults.demand(sql.postgres.connections_per_thread > 0, "sql.connections_per_thread must be at least 1");
    faults.demand(sql.sqlite.max_waiting_writes > 0, "sql.max_waiting_writes must be at least 1");
    if (sql.engine != "postgres") return;
    if (sql.postgres.dsn.empty()) return faults.add("sql.dsn is needed when sql.engine is postgres");
    check_dsn(faults, "sql.dsn", sql.postgres.dsn);
    for (const std::string& replica : sql.postgres.replicas) check_dsn(faults, "sql.replicas", replica);
}

/// http://host or http://host:port, also https: what a path is appended to.
bool is_base_url(const std::string& url) {
    static const std::regex kForm(R"(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:([0-9]{1,5}))?)");
    std::smatch parts;
    return std::regex_match(url, parts, kForm) && (!parts[3].matched || std::stoi(parts[3]) <= 65'535);
}

void check_services(Faults& faults, const Config& config) {
    const Config::Services& services = config.services;
    for (const std::string& name : services.run)
        faults.demand(find_service(name) != nullptr, "services.run: there is no service '" + name + "'");
    for (const ServiceRow& row : app::services()) {
        const std::string name(row.name);
        faults.demand(std::ranges::count(services.run, name) <= 1, "services.run names " + name + " twice");
        faults.demand(std::ranges::all_of(services.urls_of(name), is_base_url),
                      "services." + name + ".url must be base URLs, as http://" + name + ":8080, without a path");
    }
    if (!services.secrets.empty())
        faults.attempt("services.secrets", [&] {
            const SystemClock clock;
            const http::InternalTokens tokens(services.secrets, clock);
        });
    if (services.run_all()) return;
    const std::string why = " is needed when services.run names some of the services";
    faults.demand(!services.secrets.empty(), "services.secrets" + why);
    faults.demand(!config.redis.url.empty(), "redis.url" + why);
    faults.demand(!config.bus.urls.empty(), "bus.url" + why);
    for (const ServiceRow& row : app::services())
        faults.demand(!asks_other_process(services, row.name) || !services.urls_of(row.name).empty(),
                      "services." + std::string(row.name) + ".url" + why);
}

void check_engines(Faults& faults, const Config& config) {
    if (!config.redis.url.empty()) faults.attempt("redis.url", [&] { redis::parse_url(config.redis.url); });
    if (!config.connection.graph.url.empty())
        faults.attempt("graph.url", [&] { neo4j::parse_url(config.connection.graph.url); });
    faults.demand(config.connection.graph.question_deadline.count() > 0, "graph.question_deadline must be at least 1");
    faults.attempt("graph.prefix", [&] { const connection::Neo4jQueries named(config.connection.graph.prefix); });
    if (!config.bus.urls.empty())
        faults.attempt("bus.url", [&] { const bus::RabbitmqConnection parsed({.urls = config.bus.urls}, "check"); });
    if (!config.services.runs("connection") || !config.connection.graph.url.empty()) return;
    // An event comes to one of the processes that share these, so they cannot each have a graph of their own.
    faults.demand(config.bus.urls.empty(), "graph.url is needed with bus.url");
    faults.demand(config.redis.url.empty() || config.sql.engine == "sqlite",
                  "graph.url is needed with redis.url, but for SQLite");
}

void check_http(Faults& faults, const Config::Http& http) {
    faults.demand(http.threads <= 1024, "http.threads must be at most 1024");
    faults.demand(http.max_connections > 0, "http.max_connections must be at least 1");
    faults.demand(http.max_connections_per_address > 0, "http.max_connections_per_address must be at least 1");
    faults.demand(http.max_header_bytes > 0 && http.max_header_bytes <= (1U << 30),
                  "http.max_header_bytes must be from 1 to 1073741824");
    faults.demand(http.max_visitor_body_bytes > 0, "http.max_visitor_body_bytes must be at least 1");
    faults.demand(http.max_received_bytes >= http.max_header_bytes + http.max_body_bytes,
                  "http.max_received_bytes must be at least http.max_header_bytes and http.max_body_bytes together");
    for (const std::string& origin : http.cors_origins)
        if (const auto fault = fault_of_origin(origin))
            faults.add("http.cors_origins must be origins, as https://www.example.org, not '" + origin +
                       "': " + std::string(*fault));
}

void check_auth(Faults& faults, const user::Options& user) {
    faults.demand(!user.issuer.empty(), "auth.issuer must not be empty");
    faults.demand(user.access_token_ttl <= std::chrono::minutes(15),
                  "auth.access_token_ttl must be at most 900: a revoked session's token lives that long");
    faults.demand(user.hashing_threads > 0 && user.hashing_threads <= 1024,
                  "auth.hashing_threads must be from 1 to 1024");
    faults.demand(user.throttle.account_failures > 0, "auth.lockout_failures must be at least 1");
    faults.demand(user.throttle.ip_failures > 0, "auth.lockout_ip_failures must be at least 1");
}

void check_mail(Faults& faults, const mail::SmtpOptions& mail) {
    const std::string from = mail::address_of(mail.from);
    faults.demand(from.find('@') > 0 && from.find('@') < from.size() - 1,
                  "mail.from must be name@host or Name <name@host>");
    if (mail.url.empty()) return;
    faults.attempt("mail.url", [&] { mail::check_smtp(mail); });
    faults.demand(mail.deadline.count() <= 50, "mail.deadline must be at most 50: then another process tries the mail");
    std::error_code absent;
    faults.demand(mail.ca_file.empty() || std::filesystem::is_regular_file(mail.ca_file, absent),
                  "mail.ca_file must be a file");
}

}  // namespace

std::vector<std::string> faults_of(const Config& config) {
    Faults faults;
    std::error_code absent;
    faults.demand(
        std::filesystem::is_directory(config.data_dir, absent) || !std::filesystem::exists(config.data_dir, absent),
        "data_dir must be a folder");
    faults.demand(is_log_level(config.log.level), "log.level must be trace, debug, info, warn or error");
    check_services(faults, config);
    check_engines(faults, config);
    check_sql(faults, config.sql);
    check_http(faults, config.http);
    check_mail(faults, config.mail);
    check_auth(faults, config.user);
    faults.demand(config.connection.limits.connections > 0, "connections.max_connections must be at least 1");
    for (const auto rate_class : {http::RateClass::read, http::RateClass::write, http::RateClass::auth})
        faults.demand(config.rate_limits[static_cast<std::size_t>(rate_class)].requests >= 1,
                      "rate_limits." + std::string(json::name_of(rate_class)) + "_per_minute must be at least 1");
    return faults.take();
}

std::optional<ListenAddress> parse_listen(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view port = text.substr(colon + 1);
    std::string_view ip = text.substr(0, colon);
    const bool is_bracketed = ip.size() > 2 && ip.front() == '[' && ip.back() == ']';
    if (is_bracketed) ip = ip.substr(1, ip.size() - 2);
    ListenAddress address{std::string(ip), 0};
    const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (fault != std::errc{} || end != port.data() + port.size() || !IpAddress::parse(address.ip)) return std::nullopt;
    if (is_bracketed != address.ip.contains(':')) return std::nullopt;
    return address;
}

std::string print_listen(const std::string& ip, std::uint16_t port) {
    const bool is_bracketed = ip.contains(':');
    return (is_bracketed ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

}  // namespace guildhall::app
