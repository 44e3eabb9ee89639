#include "app/config/config_check.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <regex>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>

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

void check_dsn(const std::string& key, const std::string& dsn) {
    try {
        const sql::PostgresSettings parsed({.dsn = dsn, .schema = "any"});
    } catch (const std::invalid_argument& fault) {
        throw std::runtime_error(key + ": " + fault.what());
    }
}

void check_sql(const Config::Sql& sql) {
    demand(sql.engine == "sqlite" || sql.engine == "postgres", "sql.engine must be sqlite or postgres");
    demand(sql.postgres.connections_per_thread > 0, "sql.connections_per_thread must be at least 1");
    demand(sql.sqlite.max_waiting_writes > 0, "sql.max_waiting_writes must be at least 1");
    if (sql.engine != "postgres") return;
    demand(!sql.postgres.dsn.empty(), "sql.dsn is needed when sql.engine is postgres");
    check_dsn("sql.dsn", sql.postgres.dsn);
    for (const std::string& replica : sql.postgres.replicas) check_dsn("sql.replicas", replica);
}

/// http://host or http://host:port, also https: what a path is appended to.
bool is_base_url(const std::string& url) {
    static const std::regex kForm(R"(https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:([0-9]{1,5}))?)");
    std::smatch parts;
    return std::regex_match(url, parts, kForm) && (!parts[3].matched || std::stoi(parts[3]) <= 65'535);
}

void check_services(const Config& config) {
    const Config::Services& services = config.services;
    for (const std::string& name : services.run)
        if (find_service(name) == nullptr) throw std::runtime_error("services.run: there is no service '" + name + "'");
    for (const ServiceRow& row : app::services()) {
        const std::string name(row.name);
        if (std::ranges::count(services.run, name) > 1)
            throw std::runtime_error("services.run names " + name + " twice");
        if (!std::ranges::all_of(services.urls_of(name), is_base_url))
            throw std::runtime_error("services." + name + ".url must be base URLs, as http://" + name +
                                     ":8080, without a path");
    }
    if (!services.secrets.empty()) {
        try {
            const SystemClock clock;
            const http::InternalTokens tokens(services.secrets, clock);
        } catch (const std::invalid_argument& fault) {
            throw std::runtime_error(std::string("services.secrets: ") + fault.what());
        }
    }
    if (services.run_all()) return;
    const std::string why = " is needed when services.run names some of the services";
    if (services.secrets.empty()) throw std::runtime_error("services.secrets" + why);
    if (config.redis.url.empty()) throw std::runtime_error("redis.url" + why);
    if (config.bus.urls.empty()) throw std::runtime_error("bus.url" + why);
    for (const ServiceRow& row : app::services())
        if (asks_other_process(services, row.name) && services.urls_of(row.name).empty())
            throw std::runtime_error("services." + std::string(row.name) + ".url" + why);
}

void check_engines(const Config& config) {
    try {
        if (!config.redis.url.empty()) redis::parse_url(config.redis.url);
    } catch (const std::invalid_argument& fault) {
        throw std::runtime_error(std::string("redis.url: ") + fault.what());
    }
    try {
        if (!config.connection.graph.url.empty()) neo4j::parse_url(config.connection.graph.url);
    } catch (const std::invalid_argument& fault) {
        throw std::runtime_error(std::string("graph.url: ") + fault.what());
    }
    demand(config.connection.graph.question_deadline.count() > 0, "graph.question_deadline must be at least 1");
    try {
        const connection::Neo4jQueries named(config.connection.graph.prefix);
    } catch (const std::invalid_argument& fault) {
        throw std::runtime_error(std::string("graph.prefix: ") + fault.what());
    }
    try {
        if (!config.bus.urls.empty()) const bus::RabbitmqConnection parsed({.urls = config.bus.urls}, "check");
    } catch (const std::invalid_argument& fault) {
        throw std::runtime_error(std::string("bus.url: ") + fault.what());
    }
    if (!config.services.runs("connection") || !config.connection.graph.url.empty()) return;
    // An event comes to one of the processes that share these, so they cannot each have a graph of their own.
    demand(config.bus.urls.empty(), "graph.url is needed with bus.url");
    demand(config.redis.url.empty() || config.sql.engine == "sqlite",
           "graph.url is needed with redis.url, but for SQLite");
}

void check_http(const Config::Http& http) {
    demand(http.threads <= 1024, "http.threads must be at most 1024");
    demand(http.max_connections > 0, "http.max_connections must be at least 1");
    demand(http.max_header_bytes > 0 && http.max_header_bytes <= (1U << 30),
           "http.max_header_bytes must be from 1 to 1073741824");
    demand(std::ranges::all_of(http.trusted_proxies, is_ip), "http.trusted_proxies must be IP addresses");
    demand(std::ranges::all_of(http.cors_origins, is_origin),
           "http.cors_origins must be origins, as https://www.example.org, without a path");
}

void check_mail(const mail::SmtpOptions& mail) {
    const std::string from = mail::address_of(mail.from);
    demand(from.find('@') > 0 && from.find('@') < from.size() - 1, "mail.from must be name@host or Name <name@host>");
    if (mail.url.empty()) return;
    try {
        mail::check_smtp(mail);
    } catch (const std::invalid_argument& fault) {
        throw std::runtime_error(std::string("mail.url ") + fault.what());
    }
    demand(mail.deadline.count() <= 50, "mail.deadline must be at most 50: then another process tries the mail");
    std::error_code absent;
    demand(mail.ca_file.empty() || std::filesystem::is_regular_file(mail.ca_file, absent),
           "mail.ca_file must be a file");
}

}  // namespace

void check(const Config& config) {
    std::error_code absent;
    demand(std::filesystem::is_directory(config.data_dir, absent) || !std::filesystem::exists(config.data_dir, absent),
           "data_dir must be a folder");
    demand(is_log_level(config.log.level), "log.level must be trace, debug, info, warn or error");
    check_services(config);
    check_engines(config);
    check_sql(config.sql);
    check_http(config.http);
    check_mail(config.mail);
    demand(!config.user.issuer.empty(), "auth.issuer must not be empty");
    demand(config.user.access_token_ttl <= std::chrono::minutes(15),
           "auth.access_token_ttl must be at most 900: a revoked session's token lives that long");
    demand(config.user.hashing_threads > 0 && config.user.hashing_threads <= 1024,
           "auth.hashing_threads must be from 1 to 1024");
    demand(config.user.throttle.account_failures > 0, "auth.lockout_failures must be at least 1");
    demand(config.user.throttle.ip_failures > 0, "auth.lockout_ip_failures must be at least 1");
    demand(config.connection.limits.connections > 0, "connections.max_connections must be at least 1");
    for (const auto rate_class : {http::RateClass::read, http::RateClass::write, http::RateClass::auth})
        if (config.rate_limits[static_cast<std::size_t>(rate_class)].requests < 1)
            throw std::runtime_error("rate_limits." + std::string(json::name_of(rate_class)) +
                                     "_per_minute must be at least 1");
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
    if (fault != std::errc{} || end != port.data() + port.size() || !is_ip(address.ip)) return std::nullopt;
    if (is_bracketed != address.ip.contains(':')) return std::nullopt;
    return address;
}

std::string print_listen(const std::string& ip, std::uint16_t port) {
    const bool is_bracketed = ip.contains(':');
    return (is_bracketed ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

}  // namespace guildhall::app
