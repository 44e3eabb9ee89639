#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "app/config/config.hpp"
#include "platform/http/router.hpp"

namespace guildhall::app {

/// The options of `guildhall gateway` beside the configuration of the services, whose limits and deadlines it uses.
struct GatewayOptions {
    std::string bind = "127.0.0.1:8000";  // nginx only: where it listens
    std::string host;                     // the only one it answers for; empty: any
    std::vector<std::string> replicas;  // "user=http://user:8080"; of others, services.NAME.url, else http://NAME:8080
    std::vector<std::string> trusted_proxies;  // nginx only: before the gateway; their X-Forwarded-For is believed
    std::vector<std::string>
        operators;  // who may ask for /readyz, /startupz and /metrics through it; addresses or networks
    std::int64_t requests_per_second = 200;  // of an address; 0: no limit
    std::int64_t connections = 256;  // nginx only: of an address with requests at work, sockets included; 0: no limit
    std::int64_t cache_seconds = 1;  // of answers that are the same for all visitors; 0: none is kept
    std::filesystem::path certificate, key;  // nginx only: it ends TLS
    std::filesystem::path jwks;              // Kong only: the keys of access tokens that it checks
    std::string redis;                       // Kong only: HOST:PORT where its nodes count together
};

/// A service and where its replicas listen, "host:port" each; at least one.
struct GatewayService {
    std::string name;
    std::vector<std::string> replicas;
};

/// Who gets an answer at a path.
enum class Audience { clients, operators };

/// The methods of a path, which all belong to one service.
struct GatewayPath {
    std::string path;     // "/v1/posts/{post_id}"
    std::string pattern;  // an anchored regular expression; for a path without parameters it matches the path alone
    std::string service;
    std::vector<std::string> methods;    // in alphabetical order
    std::vector<std::string> signed_in;  // those of them that need an access token
    Audience audience = Audience::clients;
    bool has_parameters = false;
    bool is_cacheable = false;  // visitors who are not signed in all get the same answer to GET
    bool is_stream = false;     // WebSocket, or server-sent events
};

/// All that a gateway's configuration is written from.
struct Gateway {
    GatewayOptions options;
    Config config;
    std::vector<GatewayService> services;
    std::vector<GatewayPath> paths;  // the first whose pattern fits is right
};

/// The paths of `routes`, in the order of their precedence: fixed segments before parameters, as in Router. /livez is
/// not among them: a gateway answers for itself. Throws std::runtime_error when methods of one path belong to several
/// services.
std::vector<GatewayPath> gateway_paths(const http::Router& routes);

/// The gateway before the services. Throws std::runtime_error for an option that cannot be understood.
Gateway plan_gateway(const Config& config, const GatewayOptions& options, const http::Router& routes);

/// The options of `gateway nginx` and of `gateway kong`.
void add_nginx_options(CLI::App& command, GatewayOptions& options);
void add_kong_options(CLI::App& command, GatewayOptions& options);

}  // namespace guildhall::app
