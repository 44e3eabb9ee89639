#include "app/gateway/gateway_kong.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "app/gateway/yaml.hpp"
#include "platform/base/text.hpp"
#include "platform/http/internal_token.hpp"

namespace guildhall::app {
namespace {

namespace bj = boost::json;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 7> kMethods{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};
constexpr std::string_view kProblem = "application/problem+json";

std::string upstream_of(std::string_view service) { return std::string(service) + ".guildhall"; }

bj::object plugin(std::string_view name, bj::object config) { return {{"name", name}, {"config", std::move(config)}}; }

/// Answers without a service.
bj::object terminate(int status, std::string_view content_type, const bj::object& body) {
    return plugin("request-termination",
                  {{"status_code", status}, {"content_type", content_type}, {"body", bj::serialize(body)}});
}

/// A P-256 key of a JWKS as SubjectPublicKeyInfo (RFC 5480): a fixed head, then the point.
std::string pem_of(const bj::object& key) {
    constexpr std::array<unsigned char, 27> kHead{0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                                  0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                  0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    std::string der(kHead.begin(), kHead.end());
    for (const char* coordinate : {"x", "y"}) {
        const auto bytes = from_base64url(std::string_view(key.at(coordinate).as_string()));
        if (!bytes || bytes->size() != 32) throw std::runtime_error("a key of the JWKS has no point of P-256");
        der += *bytes;
    }
    std::string text = base64url(der) + "==";  // 91 bytes
    std::ranges::replace(text, '-', '+');
    std::ranges::replace(text, '_', '/');
    for (std::size_t at = 64; at < text.size(); at += 65) text.insert(at, 1, '\n');
    return "-----BEGIN PUBLIC KEY-----\n" + text + "\n-----END PUBLIC KEY-----\n";
}

/// One consumer stands for all members: whom a token is for is the services' to know.
bj::array consumers_of(const std::filesystem::path& jwks) {
    bj::array secrets;
    try {
        std::ifstream file(jwks);
        const bj::value document = bj::parse(std::string(std::istreambuf_iterator<char>(file), {}));
        for (const auto& item : document.at("keys").as_array()) {
            const bj::object& key = item.as_object();
            if (key.at("kty").as_string() != "EC" || key.at("crv").as_string() != "P-256")
                throw std::runtime_error("Kong is given ES256 keys only, and one of the JWKS is another");
            // The format wants a secret; with ES256 it is not used.
            secrets.push_back({{"key", key.at("kid").as_string()},
                               {"algorithm", "ES256"},
                               {"rsa_public_key", pem_of(key)},
                               {"secret", "unused"}});
        }
    } catch (const boost::system::system_error&) {
        throw std::runtime_error(jwks.string() + " is no JWKS");
    } catch (const std::out_of_range&) {
        throw std::runtime_error(jwks.string() + " is no JWKS");
    }
    return {bj::object{{"username", "members"}, {"jwt_secrets", std::move(secrets)}}};
}

bj::object upstream(const GatewayService& service) {
    bj::array targets;
    for (const std::string& replica : service.replicas) targets.push_back({{"target", replica}, {"weight", 100}});
    // Ready is 200, draining or without its database 503. What a service answers to a client says nothing of its
    // health.
    bj::object active{
        {"type", "http"},
        {"http_path", "/readyz"},
        {"timeout", 2},
        {"concurrency", 4},
        {"healthy", {{"interval", 2}, {"successes", 1}, {"http_statuses", {200}}}},
        {"unhealthy",
         {{"interval", 1}, {"http_failures", 1}, {"tcp_failures", 1}, {"timeouts", 2}, {"http_statuses", {500, 503}}}}};
    bj::object passive{{"type", "http"},
                       {"healthy", {{"successes", 0}}},
                       {"unhealthy", {{"tcp_failures", 2}, {"timeouts", 0}, {"http_failures", 0}}}};
    return {{"name", upstream_of(service.name)},
            {"algorithm", "round-robin"},
            {"targets", std::move(targets)},
            {"healthchecks", {{"active", std::move(active)}, {"passive", std::move(passive)}}}};
}

class Routes {
public:
    explicit Routes(const Gateway& gateway) : gateway_(gateway), left_(static_cast<int>(gateway.paths.size())) {}

    /// The routes of one path, less urgent than those of the path before. Methods that nobody has go to the service
    /// too: it says 405.
    bj::array of(const GatewayPath& path) {
        --left_;
        bj::array out;
        if (path.audience == Audience::operators) {
            if (gateway_.options.operators.empty()) return out;
            bj::object allowed{{"status", 404}, {"message", "there is no such route"}};
            allowed["allow"] = list(gateway_.options.operators);
            out.push_back(
                with(route(path, "operators", {"GET", "HEAD"}), plugin("ip-restriction", std::move(allowed))));
            return out;
        }
        std::vector<std::string> members = gateway_.options.jwks.empty() ? std::vector<std::string>{} : path.signed_in;
        if (has(members, "GET")) members.emplace_back("HEAD");
        std::vector<std::string> cached;
        if (path.is_cacheable && gateway_.options.cache_seconds > 0) cached = {"GET", "HEAD"};
        std::vector<std::string> others;
        for (std::string_view method : kMethods)
            if (!has(members, method) && !has(cached, method)) others.emplace_back(method);
        if (!members.empty()) out.push_back(with(route(path, "members", members), jwt()));
        if (!cached.empty()) {
            out.push_back(with(route(path, "visitors", cached), cache()));
            // A route that asks for a header goes before one that does not: what members get is not kept.
            bj::object uncached = route(path, "bearers", cached);
            uncached["headers"] = with_token();
            out.push_back(std::move(uncached));
        }
        out.push_back(route(path, "others", others));
        if (cached.empty() && has_bearers_behind(path)) add_bearers(out);
        return out;
    }

private:
    /// True when a route of a path behind `path` asks for a header and fits what `path` does: Kong would take that one
    /// before any that asks for none.
    bool has_bearers_behind(const GatewayPath& path) const {
        if (gateway_.options.cache_seconds <= 0) return false;
        const auto behind = std::span(gateway_.paths).last(static_cast<std::size_t>(left_));
        return std::ranges::any_of(
            behind, [&](const GatewayPath& other) { return other.is_cacheable && overlap(path.path, other.path); });
    }
    /// Whether one address may fit both paths.
    static bool overlap(std::string_view a, std::string_view b) {
        while (!a.empty() && !b.empty()) {
            const std::string_view of_a = take_segment(a);
            const std::string_view of_b = take_segment(b);
            if (of_a != of_b && !of_a.starts_with('{') && !of_b.starts_with('{')) return false;
        }
        return a.empty() && b.empty();
    }
    static std::string_view take_segment(std::string_view& path) {
        path.remove_prefix(1);  // the slash
        const std::string_view segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        return segment;
    }
    /// Each route of `routes` for GET a second time, for who has a token.
    static void add_bearers(bj::array& routes) {
        for (std::size_t i = 0, count = routes.size(); i < count; ++i) {
            bj::object bearers = routes[i].as_object();
            bj::array methods;
            for (const auto& method : bearers["methods"].as_array())
                if (method.as_string() == "GET" || method.as_string() == "HEAD") methods.push_back(method);
            if (methods.empty()) continue;
            bearers["methods"] = std::move(methods);
            bearers["name"] = "bearers-" + std::string(bearers["name"].as_string());
            bearers["headers"] = with_token();
            routes.push_back(std::move(bearers));
        }
    }
    static bj::object with_token() { return {{"Authorization", {"~*.+"}}}; }

    static bool has(const std::vector<std::string>& methods, std::string_view method) {
        return std::ranges::find(methods, method) != methods.end();
    }
    static bj::array list(const std::vector<std::string>& texts) { return bj::array(texts.begin(), texts.end()); }
    static bj::object with(bj::object route, bj::object plugin) {
        route["plugins"] = bj::array{std::move(plugin)};
        return route;
    }
    static bj::object jwt() {
        return plugin("jwt", {{"key_claim_name", "kid"},
                              {"claims_to_verify", {"exp"}},
                              {"header_names", {"authorization"}},
                              {"uri_param_names", bj::array{}},
                              {"cookie_names", bj::array{}},
                              {"run_on_preflight", false}});
    }
    bj::object cache() const {
        return plugin("proxy-cache", {{"strategy", "memory"},
                                      {"cache_ttl", gateway_.options.cache_seconds},
                                      {"response_code", {200}},
                                      {"request_method", {"GET", "HEAD"}},
                                      {"content_type", {"application/json"}},
                                      {"vary_headers", {"Accept-Encoding", "Origin"}}});
    }
    bj::object route(const GatewayPath& path, std::string_view whom, const std::vector<std::string>& methods) const {
        std::string name = std::string(whom) + path.path;
        for (char& c : name)
            if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
        bj::object out{{"name", std::move(name)},  {"paths", {"~" + path.pattern.substr(1)}},
                       {"methods", list(methods)}, {"protocols", {"http", "https"}},
                       {"regex_priority", left_},  {"strip_path", false},
                       {"preserve_host", true}};
        if (!gateway_.options.host.empty()) out["hosts"] = bj::array{gateway_.options.host};
        // A stream's answer never ends.
        if (path.is_stream) out["response_buffering"] = false;
        return out;
    }

    const Gateway& gateway_;
    int left_;
};

bj::array services_of(const Gateway& gateway) {
    const Config::Http& http = gateway.config.http;
    const auto milliseconds = [](std::chrono::milliseconds duration) { return duration.count(); };
    Routes routes(gateway);
    std::vector<bj::array> of(gateway.services.size());
    for (const GatewayPath& path : gateway.paths) {
        const auto service = std::ranges::find(gateway.services, path.service, &GatewayService::name);
        auto& there = of.at(static_cast<std::size_t>(service - gateway.services.begin()));
        for (auto& route : routes.of(path)) there.push_back(std::move(route));
    }
    bj::array out;
    for (std::size_t i = 0; i < of.size(); ++i)
        out.push_back({{"name", gateway.services[i].name},
                       {"protocol", "http"},
                       {"host", upstream_of(gateway.services[i].name)},
                       {"port", 80},
                       {"retries", 1},
                       {"connect_timeout", 1000},
                       {"write_timeout", milliseconds(http.body_deadline)},
                       {"read_timeout", milliseconds(std::max<std::chrono::seconds>(http.handler_deadline + 1s, 90s))},
                       {"routes", std::move(of[i])}});
    return out;
}

/// What Kong answers by itself: for its own health, and for all that is no route of ours.
bj::array own_routes() {
    const auto route = [](std::string_view name, std::string_view path, bj::object answer) {
        return bj::object{{"name", name},
                          {"paths", {path}},
                          {"protocols", {"http", "https"}},
                          {"strip_path", false},
                          {"plugins", {std::move(answer)}}};
    };
    return {route("livez", "~/livez$",
                  terminate(200, "application/json", {{"status", "ok"}, {"dependencies", bj::array{}}})),
            route("absent", "/",
                  terminate(404, kProblem,
                            {{"type", "/docs/problems#no_such_route"},
                             {"title", "Not found"},
                             {"status", 404},
                             {"detail", "there is no such route"},
                             {"code", "no_such_route"}}))};
}

bj::array plugins_of(const Gateway& gateway) {
    const GatewayOptions& options = gateway.options;
    bj::array out;
    out.push_back(
        plugin("correlation-id", {{"header_name", "X-Request-Id"}, {"generator", "uuid"}, {"echo_downstream", true}}));
    out.push_back(plugin("request-size-limiting", {{"allowed_payload_size", gateway.config.http.max_body_bytes},
                                                   {"size_unit", "bytes"},
                                                   {"require_content_length", false}}));
    // Headers that only our own processes may set.
    out.push_back(
        plugin("request-transformer", {{"remove", {{"headers", {http::kDeadlineHeader, "Forwarded", "Proxy"}}}}}));
    if (options.requests_per_second > 0) {
        bj::object limit{{"second", options.requests_per_second},
                         {"limit_by", "ip"},
                         {"policy", options.redis.empty() ? "local" : "redis"},
                         {"fault_tolerant", true},
                         {"hide_client_headers", true}};
        if (!options.redis.empty()) {
            const auto colon = options.redis.rfind(':');
            limit["redis"] = bj::object{{"host", options.redis.substr(0, colon)},
                                        {"port", std::stoi(options.redis.substr(colon + 1))},
                                        {"timeout", 200}};
        }
        out.push_back(plugin("rate-limiting", std::move(limit)));
    }
    if (const auto& origins = gateway.config.http.cors_origins; !origins.empty())
        // The services answer preflights; here an origin is allowed to read what Kong says itself.
        out.push_back(plugin("cors", {{"origins", bj::array(origins.begin(), origins.end())},
                                      {"credentials", false},
                                      {"preflight_continue", true}}));
    return out;
}

}  // namespace

std::string kong_configuration(const Gateway& gateway) {
    bj::array upstreams;
    for (const GatewayService& service : gateway.services) upstreams.push_back(upstream(service));
    bj::object document{{"_format_version", "3.0"},
                        {"services", services_of(gateway)},
                        {"routes", own_routes()},
                        {"upstreams", std::move(upstreams)},
                        {"plugins", plugins_of(gateway)}};
    if (!gateway.options.jwks.empty()) document["consumers"] = consumers_of(gateway.options.jwks);
    return "# Written by `guildhall gateway kong` from the route table. Not to be edited: run it again.\n" +
           to_yaml(document);
}

}  // namespace guildhall::app
