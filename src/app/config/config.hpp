#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/bus/rabbitmq.hpp"
#include "platform/http/rate_limiter.hpp"
#include "platform/http/server.hpp"
#include "platform/mail/smtp_mailer.hpp"
#include "platform/sql/postgres.hpp"
#include "platform/sql/sqlite.hpp"
#include "services/connection/connection_options.hpp"
#include "services/post/post_options.hpp"
#include "services/user/user_options.hpp"

namespace guildhall::app {

/// Everything that can be configured: the options of each part, as the part takes them. One TOML file, the environment
/// over it, flags over both; options() is the table of all keys.
struct Config {
    std::filesystem::path data_dir = "data";
    std::chrono::seconds drain_deadline{10};

    /// What is logged and how.
    struct Log {
        std::string level = "info";
        bool json = true;
    } log;

    /// The server, its limits and deadlines.
    struct Http : http::ServerOptions {
        std::size_t threads = 0;
        std::chrono::seconds drain_notice{0};
    } http;

    /// Which services this process runs, and where it finds the others.
    struct Services {
        std::vector<std::string> run;                                       // empty: all
        std::map<std::string, std::vector<std::string>, std::less<>> urls;  // by service
        std::vector<std::string> secrets;

        /// True when this process runs `service`.
        bool runs(std::string_view service) const;
        /// True when it runs all of them.
        bool run_all() const;
        /// The base URLs of `service` in other processes; empty when none are configured.
        const std::vector<std::string>& urls_of(std::string_view service) const;
    } services;

    /// Redis. Without a URL what it would hold is in this process.
    struct Redis {
        std::string url;
        std::string prefix = "guildhall:";
    } redis;

    bus::RabbitmqOptions bus;  // without a URL events stay in this process

    mail::SmtpOptions mail;

    /// The databases: one engine for all services.
    struct Sql {
        std::string engine = "sqlite";
        sql::SqliteOptions sqlite;
        sql::PostgresOptions postgres;
    } sql;

    /// The embedded cache.
    struct Cache {
        std::size_t max_bytes = 32 << 20;
    } cache;

    /// Requests that one member, or one address, may send in a minute; by http::RateClass.
    http::RateLimiter::Limits rate_limits{
        {{1200, std::chrono::minutes(1)}, {300, std::chrono::minutes(1)}, {60, std::chrono::minutes(1)}}};

    user::Options user;
    connection::Options connection;
    post::Options post;
};

/// Where to listen.
struct ListenAddress {
    std::string ip;
    std::uint16_t port;  // 0: any free one
};

/// "127.0.0.1:8080" or "[::1]:8080"; nothing when it is neither.
std::optional<ListenAddress> parse_listen(std::string_view text);
/// The reverse.
std::string print_listen(const std::string& ip, std::uint16_t port);

/// One key of the configuration. In TOML `http.listen` is key `listen` of table `http`; in the environment
/// GUILDHALL_HTTP_LISTEN; as a flag --http-listen.
struct Option {
    std::string key;
    std::string help;
    std::string alias;  // a second, short flag; may be empty
    bool is_secret = false;
    /// Sets it from text; the reason when the text does not fit.
    std::function<std::optional<std::string>(Config&, std::string_view)> set;
    /// Its value as TOML text, without quotes.
    std::function<std::string(const Config&)> get;
};

/// The one table of all keys; docs/configuration.md is printed from it.
const std::vector<Option>& options();

/// "GUILDHALL_HTTP_LISTEN" of "http.listen".
std::string environment_name(const Option& option);
/// "--http-listen" of "http.listen".
std::string flag_name(const Option& option);

/// A value given by a flag.
struct Override {
    std::string key;
    std::string value;
};

/// Reads `file` (may be empty: none), then the environment, then `overrides`, and checks all that can be known before
/// the start. Throws std::runtime_error with a line for each fault, which names the key.
Config load_config(const std::filesystem::path& file, const std::vector<Override>& overrides);

/// All keys with their values as TOML; secrets are masked.
std::string print_config(const Config& config);

/// The table as Markdown, for docs/configuration.md.
std::string document_options();

}  // namespace guildhall::app
