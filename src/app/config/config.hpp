#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace guildhall::app {

/// All services, in the order in which they start.
inline constexpr std::array<std::string_view, 8> kServices{"user",  "connection", "post",         "chat",
                                                           "media", "analytics",  "notification", "search"};

/// Everything that can be configured. One TOML file, the environment over it, flags over both; options() is the table of all keys.
struct Config {
    std::filesystem::path data_dir = "data";
    std::chrono::seconds drain_deadline{10};

    /// What is logged and how.
    struct Log {
        std::string level = "info";
        bool json = true;
    } log;

    /// The server, its limits and deadlines.
    struct Http {
        std::string listen = "127.0.0.1:8080";
        std::size_t threads = 0;
        std::size_t max_connections = 10'000;
        std::size_t max_header_bytes = 16 << 10;
        std::size_t max_body_bytes = 1 << 20;
        std::size_t compress_from_bytes = 1400;
        std::chrono::seconds header_deadline{10};
        std::chrono::seconds body_deadline{30};
        std::chrono::seconds handler_deadline{30};
        std::chrono::seconds write_deadline{30};
        std::chrono::seconds idle_deadline{75};
        std::chrono::seconds drain_notice{0};
        std::vector<std::string> trusted_proxies;
        std::vector<std::string> cors_origins;
        bool access_log = true;
    } http;

    /// Which services this process runs, and where it finds the others.
    struct Services {
        std::vector<std::string> run;  // empty: all
        std::array<std::vector<std::string>, kServices.size()> urls;
        std::vector<std::string> secrets;

        /// True when this process runs `service`, one of kServices.
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

    /// RabbitMQ. Without a URL events stay in this process.
    struct Bus {
        std::vector<std::string> urls;
        std::string prefix = "guildhall.";
    } bus;

    /// The social graph. Without a URL it is in this process.
    struct Graph {
        std::string url;
        std::string prefix = "Guildhall";
        std::chrono::milliseconds question_deadline{2000};
    } graph;

    /// Bounds on what one member can do.
    struct Connections {
        std::size_t invitations_a_week = 100;
        std::size_t max_pending_invitations = 1500;
        std::size_t max_connections = 30'000;
        std::size_t max_follows = 10'000;
    } connections;

    /// The databases.
    struct Sql {
        std::string engine = "sqlite";
        std::string dsn;
        std::vector<std::string> replicas;
        std::size_t connections_per_thread = 8;
        std::chrono::milliseconds statement_deadline{5000};
        std::size_t max_waiting_writes = 4096;
        std::size_t page_cache_bytes = 8 << 20;
    } sql;

    /// The embedded cache.
    struct Cache {
        std::size_t max_bytes = 32 << 20;
    } cache;

    /// Passwords, tokens, brakes on guessing.
    struct Auth {
        std::string issuer = "guildhall";
        std::chrono::seconds access_token_ttl{900};
        std::chrono::seconds refresh_token_ttl{30 * 24 * 3600};
        std::size_t hashing_threads = 1;
        std::size_t hashing_queue = 64;
        std::int64_t lockout_failures = 10;
        std::int64_t lockout_ip_failures = 100;
        std::int64_t ip_registrations = 50;
        std::chrono::seconds lockout_window{900};
    } auth;

    /// Requests that one member, or one address, may send.
    struct RateLimits {
        std::int64_t read_per_minute = 1200;
        std::int64_t write_per_minute = 300;
        std::int64_t auth_per_minute = 60;
    } rate_limits;
};

/// Where to listen.
struct ListenAddress {
    std::string ip;
    std::uint16_t port;  // 0: any free one
};

/// "127.0.0.1:8080" or "[::1]:8080"; nothing when it is neither.
std::optional<ListenAddress> parse_listen(std::string_view text);

/// One key of the configuration. In TOML `http.listen` is key `listen` of table `http`; in the environment GUILDHALL_HTTP_LISTEN; as a flag --http-listen.
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

/// Reads `file` (may be empty: none), then the environment, then `overrides`, and checks all that can be known before the start. Throws std::runtime_error with one line
/// that names the key.
Config load_config(const std::filesystem::path& file, const std::vector<Override>& overrides);

/// All keys with their values as TOML; secrets are masked.
std::string print_config(const Config& config);

/// The table as Markdown, for docs/configuration.md.
std::string document_options();

}  // namespace guildhall::app
