#include "app/gateway/gateway_nginx.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "platform/http/internal_token.hpp"

namespace guildhall::app {
namespace {

using namespace std::chrono_literals;

/// What the gateway says itself, without a service: the conventions of problem documents (platform/http/problem.cpp).
struct OwnAnswer {
    int status;
    std::string_view nginx_status;  // what nginx calls it inside
    std::string_view code;
    std::string_view title;
    std::string_view detail;
};
constexpr std::array<OwnAnswer, 14> kOwnAnswers{{
    {400, "400", "malformed_request", "Bad request", "the request cannot be read"},
    {404, "404", "no_such_route", "Not found", "there is no such route"},
    {405, "405", "method_not_allowed", "Request refused", "this path has no such method"},
    {408, "408", "request_timeout", "Request refused", "the request did not arrive in time"},
    {413, "413", "too_large", "Too large", "the body is larger than this server takes"},
    {414, "414", "target_too_long", "Request refused", "the path is longer than this server takes"},
    {421, "421", "misdirected", "Request refused", "this server does not answer for that host"},
    {429, "429", "too_many_requests", "Too many requests", "too many requests from this address"},
    {431, "494", "header_too_large", "Request refused", "the header is larger than this server takes"},
    {500, "500", "internal", "Internal error", "something went wrong; the log has it under this request id"},
    {501, "501", "not_implemented", "Request refused", "this transfer coding is not known here"},
    {502, "502", "unavailable", "Temporarily unavailable", "no replica of the service answers; try again"},
    {503, "503", "unavailable", "Temporarily unavailable", "this gateway cannot take the request now; try again"},
    {504, "504", "deadline_exceeded", "Temporarily unavailable",
     "this took too long; what was asked for may still happen"},
}};

constexpr int kTries = 2;
constexpr std::chrono::seconds kConnectDeadline{1};
/// A replica that failed twice is left alone for so long. http.drain_notice must be longer, because otherwise two
/// replicas that are restarted one after the other are both left alone.
constexpr std::chrono::seconds kLeftAlone{2};
constexpr std::chrono::seconds kStreamSilence{90};  // streams are pinged every 25 s
constexpr int kConnections = 4096;                  // of each worker process, to clients and services

/// Text of nginx's configuration, nested by `indent`.
class Text {
public:
    Text& line(const std::string& text) {
        if (!text.empty()) out_ += std::string(depth_ * 4, ' ') + text;
        out_ += '\n';
        return *this;
    }
    Text& line(std::initializer_list<std::string_view> parts) {
        std::string text;
        for (std::string_view part : parts) text += part;
        return line(text);
    }
    Text& open(const std::string& head) {
        line(head + " {");
        ++depth_;
        return *this;
    }
    Text& close() {
        --depth_;
        return line("}");
    }
    std::string take() { return std::move(out_); }

private:
    std::string out_;
    std::size_t depth_ = 0;
};

std::string seconds(std::chrono::seconds duration) { return std::to_string(duration.count()) + "s"; }

void write_upstreams(Text& out, const Gateway& gateway) {
    // The services close a silent connection after idle_deadline; nginx must have let go of it before, or a request
    // meets its end.
    const auto kept = std::max<std::chrono::seconds>(gateway.config.http.idle_deadline * 4 / 5, 1s);
    for (const GatewayService& service : gateway.services) {
        out.line("").open("upstream " + service.name).line("zone " + service.name + " 64k;");
        for (const std::string& replica : service.replicas)
            out.line("server " + replica + " max_fails=2 fail_timeout=" + seconds(kLeftAlone) + ";");
        out.line("keepalive 64;").line("keepalive_timeout " + seconds(kept) + ";").close();
    }
}

/// Variables that requests and answers are made of.
void write_maps(Text& out, const Gateway& gateway) {
    out.line("");
    out.line("# An id that a client may choose: short, and harmless in a log.");
    out.open("map $http_x_request_id $asked_id")
        .line(R"("~^[A-Za-z0-9._-]{1,64}$" $http_x_request_id;)")
        .line("default $request_id;")
        .close();
    out.line("# The path as it came, if its characters are those of RFC 3986: it goes into JSON as it is.");
    out.open("map $request_uri $said_path")
        .line(R"re("~^(?<plain_path>/[A-Za-z0-9/._~!$&'()*+,;=:@%-]*)(\?|$)" $plain_path;)re")
        .line("default /;")
        .close();
    out.line(
        "# Answers of a service carry its X-Request-Id; those of the gateway itself get what a service would say.");
    out.open("map $upstream_http_x_request_id $own_cache_control").line("'' no-store;").line("default '';").close();
    out.open("map \"$status:$upstream_http_x_request_id\" $own_retry_after")
        .line("\"~^(429|502|503|504):$\" 1;")
        .line("default '';")
        .close();
    out.line("# A kept answer says nothing of the limits of who gets it.");
    for (const std::string name : {"ratelimit", "ratelimit_policy"})
        out.open("map $upstream_cache_status $said_" + name)
            .line("HIT '';")
            .line("default $upstream_http_" + name + ";")
            .close();
    out.open("map $http_upgrade $connection_upgrade").line("'' '';").line("default upgrade;").close();
    if (!gateway.config.http.cors_origins.empty()) {
        out.line("# CORS is the services'; a browser that may read their answers may read the gateway's own.");
        out.open("map \"$upstream_http_x_request_id:$http_origin\" $own_allowed_origin").line("default '';");
        for (const std::string& origin : gateway.config.http.cors_origins)
            out.line("\":" + origin + "\" $http_origin;");
        out.close();
    }
    out.open("geo $is_operator").line("default 0;");
    for (const std::string& network : gateway.options.operators) out.line(network + " 1;");
    out.close();
}

/// What the services get to see of a request; `is_stream`: with the wish to upgrade the connection.
void write_proxy_headers(Text& out, bool is_stream) {
    out.line("proxy_set_header Host $host;");
    out.line("proxy_set_header X-Request-Id $asked_id;");
    out.line("# Set, not added to: what a client says of its address counts for nothing.");
    out.line("proxy_set_header X-Forwarded-For $remote_addr;");
    out.line("proxy_set_header X-Forwarded-Proto $scheme;");
    for (const char* name : {"Forwarded", "X-Real-IP", "X-Forwarded-Host", "Proxy", "TE", http::kDeadlineHeader})
        out.line(std::string("proxy_set_header ") + name + " '';");
    out.line(std::string("proxy_set_header Upgrade ") + (is_stream ? "$http_upgrade;" : "'';"));
    out.line(std::string("proxy_set_header Connection ") + (is_stream ? "$connection_upgrade;" : "'';"));
}

void write_client_side(Text& out, const Gateway& gateway) {
    const Config::Http& http = gateway.config.http;
    const GatewayOptions& options = gateway.options;
    out.line("");
    for (const std::string& proxy : options.trusted_proxies) out.line("set_real_ip_from " + proxy + ";");
    if (!options.trusted_proxies.empty()) out.line("real_ip_header X-Forwarded-For;").line("real_ip_recursive on;");
    out.line("client_header_timeout " + seconds(http.header_deadline) + ";");
    out.line("client_body_timeout " + seconds(http.body_deadline) + ";");
    out.line("send_timeout " + seconds(http.write_deadline) + ";");
    out.line("keepalive_timeout " + seconds(http.idle_deadline) + ";");
    out.line("client_max_body_size " + std::to_string(http.max_body_bytes) + ";");
    out.line("# One line may be as long as a service takes a whole header; more than that in all is refused there.");
    out.line("large_client_header_buffers 2 " + std::to_string(http.max_header_bytes) + ";");
    out.line("merge_slashes off;").line("underscores_in_headers off;");
    if (options.requests_per_second > 0) {
        out.line("limit_req_zone $binary_remote_addr zone=requests:10m rate=" +
                 std::to_string(options.requests_per_second) + "r/s;");
        out.line("limit_req zone=requests burst=" + std::to_string(2 * options.requests_per_second) + " nodelay;");
        out.line("limit_req_status 429;");
    }
    if (options.connections > 0) {
        out.line("limit_conn_zone $binary_remote_addr zone=connections:10m;");
        out.line("limit_conn connections " + std::to_string(options.connections) + ";");
        out.line("limit_conn_status 429;");
    }
}

void write_service_side(Text& out, const Gateway& gateway) {
    const Config::Http& http = gateway.config.http;
    out.line("");
    out.line("proxy_http_version 1.1;");
    write_proxy_headers(out, false);
    out.line("proxy_connect_timeout " + seconds(kConnectDeadline) + ";");
    out.line("proxy_send_timeout " + seconds(http.body_deadline) + ";");
    out.line("# A service answers by itself before this.");
    out.line("proxy_read_timeout " + seconds(http.handler_deadline + 1s) + ";");
    out.line(
        "# Another replica gets what the first did not get, or what may be done twice; never a POST or PATCH that");
    out.line("# was sent.");
    out.line("proxy_next_upstream error timeout;");
    out.line("proxy_next_upstream_tries " + std::to_string(kTries) + ";");
    out.line("proxy_next_upstream_timeout " + seconds(2 * (http.handler_deadline + 1s)) + ";");
    out.line("proxy_buffer_size 16k;").line("proxy_buffers 16 16k;");
    out.line("# These are said once, below: a kept answer has those of the request that fetched it.");
    for (const char* name : {"X-Request-Id", "X-Content-Type-Options", "RateLimit", "RateLimit-Policy"})
        out.line(std::string("proxy_hide_header ") + name + ";");
    out.line("add_header X-Request-Id $asked_id always;");
    out.line("add_header X-Content-Type-Options nosniff always;");
    out.line("add_header RateLimit $said_ratelimit always;");
    out.line("add_header RateLimit-Policy $said_ratelimit_policy always;");
    out.line("add_header Cache-Control $own_cache_control always;");
    out.line("add_header Retry-After $own_retry_after always;");
    out.line("add_header X-Cache $upstream_cache_status always;");
    if (!http.cors_origins.empty()) out.line("add_header Access-Control-Allow-Origin $own_allowed_origin always;");
    if (gateway.options.cache_seconds > 0)
        out.line(
            "proxy_cache_path cache levels=1:2 keys_zone=answers:10m max_size=256m inactive=60s use_temp_path=off;");
}

/// /livez and the gateway's own problem documents.
void write_own_answers(Text& out) {
    out.open("location = /livez")
        .line("default_type application/json;")
        .line("return 200 '{\"status\":\"ok\",\"dependencies\":[]}';")
        .close();
    for (const OwnAnswer& answer : kOwnAnswers) {
        const std::string status = std::to_string(answer.status);
        out.open("location = /.problem/" + status).line("internal;");
        std::string body = R"({"type":"/docs/problems#)";
        body.append(answer.code).append(R"(","title":")").append(answer.title);
        body.append(R"(","status":)").append(status).append(R"(,"detail":")").append(answer.detail);
        body.append(R"(","instance":"$said_path","code":")").append(answer.code);
        body.append(R"(","request_id":"$asked_id"})");
        out.line({"return ", status, " '", body, "';"}).close();
    }
}

void write_cache(Text& out, std::int64_t cache_seconds) {
    out.line("proxy_cache answers;");
    out.line("proxy_cache_key $request_uri;  # beside what Vary names");
    out.line("proxy_cache_valid 200 " + std::to_string(cache_seconds) + "s;");
    out.line("proxy_ignore_headers Cache-Control;  # private: browsers and other proxies keep nothing");
    out.line("proxy_cache_lock on;").line("proxy_cache_revalidate on;");
    out.line("proxy_cache_bypass $http_authorization;").line("proxy_no_cache $http_authorization;");
}

void write_location(Text& out, const GatewayPath& path, const Gateway& gateway) {
    out.open(path.has_parameters ? "location ~ " + path.pattern : "location = " + path.path);
    if (path.audience == Audience::operators) out.line("if ($is_operator = 0) { return 404; }");
    // Ready is who reaches one replica that is.
    if (path.path == "/readyz") out.line("proxy_next_upstream error timeout http_503;");
    if (path.is_stream) {
        write_proxy_headers(out, true);
        out.line("proxy_buffering off;").line("proxy_read_timeout " + seconds(kStreamSilence) + ";");
        out.line("proxy_send_timeout " + seconds(kStreamSilence) + ";");
    }
    if (path.is_cacheable && gateway.options.cache_seconds > 0) write_cache(out, gateway.options.cache_seconds);
    out.line("proxy_pass http://" + path.service + ";").close();
}

std::string listen_of(const GatewayOptions& options) {
    return "listen " + options.bind + (options.certificate.empty() ? "" : " ssl http2");
}

void write_servers(Text& out, const Gateway& gateway) {
    const GatewayOptions& options = gateway.options;
    if (!options.certificate.empty()) {
        out.line("").line("ssl_certificate " + options.certificate.string() + ";");
        out.line("ssl_certificate_key " + options.key.string() + ";").line("ssl_protocols TLSv1.2 TLSv1.3;");
    }
    if (!options.host.empty()) {
        out.line("").open("server").line(listen_of(options) + " default_server;");
        write_own_answers(out);
        out.open("location /").line("return 421;").close().close();
    }
    out.line("").open("server").line(listen_of(options) + ";");
    if (!options.host.empty()) out.line("server_name " + options.host + ";");
    write_own_answers(out);
    for (const GatewayPath& path : gateway.paths) write_location(out, path, gateway);
    out.line("# What is not above, and with it all that services ask each other, is not there.");
    out.open("location /").line("return 404;").close();
    out.close();
}

}  // namespace

std::string nginx_configuration(const Gateway& gateway) {
    Text out;
    out.line("# Written by `guildhall gateway nginx` from the route table. Not to be edited: run it again.");
    out.line("worker_processes auto;").line("worker_rlimit_nofile " + std::to_string(4 * kConnections) + ";");
    out.line("worker_shutdown_timeout " + seconds(gateway.config.http.handler_deadline) + ";");
    out.line("pid nginx.pid;").line("error_log stderr warn;");
    out.open("events").line("worker_connections " + std::to_string(kConnections) + ";").close();
    out.open("http");
    out.line("default_type application/problem+json;").line("server_tokens off;");
    if (gateway.config.http.access_log) {
        out.line("log_format json escape=json '{\"time\":\"$time_iso8601\",\"request_id\":\"$asked_id\",'");
        out.line("    '\"ip\":\"$remote_addr\",'");
        out.line(
            "    '\"method\":\"$request_method\",\"path\":\"$said_path\",\"status\":$status,\"bytes\":$bytes_sent,'");
        out.line(
            "    '\"seconds\":$request_time,\"replicas\":\"$upstream_addr\",\"cache\":\"$upstream_cache_status\"}';");
        out.line("access_log /dev/stdout json;");
    } else {
        out.line("access_log off;");
    }
    out.line("client_body_temp_path client_body;").line("proxy_temp_path proxy;");
    for (const std::string_view unused : {"fastcgi", "uwsgi", "scgi"}) out.line({unused, "_temp_path ", unused, ";"});
    write_maps(out, gateway);
    write_client_side(out, gateway);
    write_service_side(out, gateway);
    out.line("");
    for (const OwnAnswer& answer : kOwnAnswers) {
        const std::string status = std::to_string(answer.status);
        const std::string changed = status == answer.nginx_status ? "" : " =" + status;
        out.line({"error_page ", answer.nginx_status, changed, " /.problem/", status, ";"});
    }
    write_upstreams(out, gateway);
    write_servers(out, gateway);
    out.close();
    return out.take();
}

}  // namespace guildhall::app
