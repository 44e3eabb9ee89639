#include "app/gateway/gateway.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "app/services.hpp"

namespace guildhall::app {
namespace {

constexpr std::string_view kDefaultPort = "8080";
/// Has the routes that every process serves: the documents and /v1/instance.
constexpr std::string_view kPlatformService = "user";
constexpr std::array<std::string_view, 3> kForOperators{"/readyz", "/startupz", "/metrics"};
constexpr std::string_view kOwn = "/livez";

std::runtime_error wrong(const std::string& what, const std::string& text) {
    return std::runtime_error(what + ", not '" + text + "'");
}

/// "^/v1/posts/[^/]+$" of "/v1/posts/{post_id}".
std::string pattern_of(std::string_view path) {
    std::string out = "^";
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] == '{') {
            out += "[^/]+";
            i = path.find('}', i);
        } else {
            if (path[i] == '.') out += '\\';
            out += path[i];
        }
    }
    return out + '$';
}

/// Sorts fixed segments before parameters, at the first segment where two paths differ.
bool precedes(const GatewayPath& left, const GatewayPath& right) {
    return std::ranges::lexicographical_compare(left.path, right.path, [](char a, char b) {
        const auto rank = [](char c) { return c == '{' ? 1 : 0; };
        return std::pair(rank(a), a) < std::pair(rank(b), b);
    });
}

GatewayPath& path_of(std::map<std::string, GatewayPath>& paths, std::string_view service, const std::string& path) {
    auto& entry = paths[path];
    if (entry.path.empty()) {
        entry.path = path;
        entry.pattern = pattern_of(path);
        entry.service = service;
        entry.has_parameters = path.find('{') != std::string::npos;
        entry.is_stream = path.ends_with("/stream");
        if (std::ranges::find(kForOperators, path) != kForOperators.end()) entry.audience = Audience::operators;
    }
    if (entry.service != service)
        throw std::runtime_error(path + " belongs to both " + entry.service + " and " + std::string(service) +
                                 ": a gateway cannot tell them apart");
    return entry;
}

void add_method(GatewayPath& path, const std::string& method, bool is_for_members) {
    for (auto* methods : {&path.methods, is_for_members ? &path.signed_in : nullptr})
        if (methods && std::ranges::find(*methods, method) == methods->end())
            methods->insert(std::ranges::lower_bound(*methods, method), method);
}

/// Digits, letters, dots, hyphens, and brackets and colons of an IPv6 address, then ":port".
bool is_host_and_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
    const std::string_view host = text.substr(0, colon);
    const bool is_ipv6 = host.starts_with('[') && host.ends_with(']');
    const auto is_host = [&](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' ||
               (is_ipv6 && (c == ':' || c == '[' || c == ']'));
    };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return std::ranges::all_of(host, is_host) && std::ranges::all_of(text.substr(colon + 1), is_digit);
}

/// What stands behind "http://" in a base URL. Throws for any other URL.
std::string target_of(std::string_view url, const std::string& where) {
    constexpr std::string_view kScheme = "http://";
    if (url.ends_with('/')) url.remove_suffix(1);
    if (!url.starts_with(kScheme) || !is_host_and_port(url.substr(kScheme.size())))
        throw wrong(where + " is http://HOST:PORT", std::string(url));
    return std::string(url.substr(kScheme.size()));
}

/// From the flags, else from the configuration, else by the name of the service.
std::vector<GatewayService> services_of(const Config& config, const std::vector<std::string>& replicas) {
    std::vector<GatewayService> services;
    for (const ServiceRow& row : app::services()) services.push_back({std::string(row.name), {}});
    for (const std::string& text : replicas) {
        const auto equals = std::min(text.find('='), text.size());
        const auto service = std::ranges::find(services, text.substr(0, equals), &GatewayService::name);
        if (service == services.end() || equals == text.size())
            throw wrong("--replica takes SERVICE=http://HOST:PORT", text);
        service->replicas.push_back(target_of(std::string_view(text).substr(equals + 1), "--replica " + service->name));
    }
    for (GatewayService& service : services) {
        if (!service.replicas.empty()) continue;
        for (const std::string& url : config.services.urls_of(service.name))
            service.replicas.push_back(target_of(url, "services." + service.name + ".url"));
        if (service.replicas.empty()) service.replicas.push_back(service.name + ':' + std::string(kDefaultPort));
    }
    return services;
}

void check(const GatewayOptions& options) {
    if (!parse_listen(options.bind)) throw wrong("--bind takes ADDRESS:PORT", options.bind);
    if (!options.host.empty() && !is_host_and_port(options.host + ":0"))
        throw wrong("--host takes a host name", options.host);
    for (const auto* networks : {&options.trusted_proxies, &options.operators})
        for (const std::string& network : *networks)
            if (!IpNetwork::parse(network)) throw wrong("an address or ADDRESS/BITS is needed", network);
    if (options.certificate.empty() != options.key.empty())
        throw std::runtime_error("--certificate and --key belong together");
    if (!options.redis.empty() && !is_host_and_port(options.redis))
        throw wrong("--redis takes HOST:PORT", options.redis);
    if (options.requests_per_second < 0 || options.connections < 0 || options.cache_seconds < 0)
        throw std::runtime_error("a limit must not be negative");
}

void add_options(CLI::App& command, GatewayOptions& options) {
    command.add_option("--host", options.host, "The only host name it answers for; default: any");
    command
        .add_option("--replica", options.replicas,
                    "SERVICE=http://HOST:PORT, once for each replica of each service; default: services.SERVICE.url, "
                    "else http://SERVICE:8080")
        ->take_all();
    command
        .add_option("--address-requests", options.requests_per_second, "Requests a second of one address; 0: no limit")
        ->capture_default_str();
    command
        .add_option("--cache-seconds", options.cache_seconds,
                    "How long an answer that all visitors get is kept; 0: not at all")
        ->capture_default_str();
    command
        .add_option("--operator", options.operators,
                    "Address or network that may ask for /readyz, /startupz and /metrics; all others get 404")
        ->take_all();
}

}  // namespace

std::vector<GatewayPath> gateway_paths(const http::Router& routes) {
    std::map<std::string, GatewayPath> paths;
    for (const auto& route : routes.routes()) {
        if (route->internal_tokens || route->path == kOwn) continue;
        const std::string_view service = route->service == "platform" ? kPlatformService : route->service;
        GatewayPath& path = path_of(paths, service, route->path);
        add_method(path, route->method, route->who == http::Who::signed_in);
        if (route->method == "GET" && route->who == http::Who::anyone && route->has_etag) path.is_cacheable = true;
    }
    std::vector<GatewayPath> sorted;
    sorted.reserve(paths.size());
    for (auto& [name, path] : paths) sorted.push_back(std::move(path));
    std::ranges::sort(sorted, precedes);
    return sorted;
}

Gateway plan_gateway(const Config& config, const GatewayOptions& options, const http::Router& routes) {
    check(options);
    return {options, config, services_of(config, options.replicas), gateway_paths(routes)};
}

void add_nginx_options(CLI::App& command, GatewayOptions& options) {
    add_options(command, options);
    command.add_option("--bind", options.bind, "ADDRESS:PORT where it listens")->capture_default_str();
    command
        .add_option("--trusted-proxy", options.trusted_proxies,
                    "Address or network of a load balancer or CDN before the gateway; its X-Forwarded-For is believed")
        ->take_all();
    command
        .add_option("--address-connections", options.connections,
                    "Requests and sockets of one address at the same time; 0: no limit")
        ->capture_default_str();
    command.add_option("--certificate", options.certificate, "Chain of certificates (PEM): the gateway ends TLS");
    command.add_option("--key", options.key, "Its private key (PEM)");
}

void add_kong_options(CLI::App& command, GatewayOptions& options) {
    add_options(command, options);
    command
        .add_option("--jwks", options.jwks,
                    "File with the answer of /.well-known/jwks.json: Kong checks access tokens by it")
        ->check(CLI::ExistingFile);
    command.add_option("--redis", options.redis,
                       "HOST:PORT where the nodes of Kong count requests together; default: each its own");
}

}  // namespace guildhall::app
