#include "platform/http/dispatcher.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <unordered_set>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <spdlog/spdlog.h>

#include "platform/async/call.hpp"
#include "platform/base/text.hpp"
#include "platform/http/compress.hpp"
#include "platform/http/entity_tag.hpp"
#include "platform/http/idempotency.hpp"
#include "platform/http/internal_token.hpp"
#include "platform/http/trace_context.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;

constexpr std::size_t kMaxIdempotencyKey = 255;
constexpr const char* kUnsupportedCoding = "unsupported_coding";
constexpr std::chrono::milliseconds kMaxDeadline{60'000};  // of an internal request

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// True for a request id that we take from a client or proxy: short, and harmless in a log.
bool is_request_id(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
    });
}

void add_vary(Response& response, std::string_view name) { response.headers.add("Vary", name); }

/// The path and query of a request target; its scheme and authority (absolute-form, RFC 9112 §3.2.2) are left out.
std::string_view path_and_query(std::string_view target) {
    if (const auto scheme = target.find("://"); scheme != std::string_view::npos && !target.starts_with('/')) {
        const auto path = target.find('/', scheme + 3);
        target = path == std::string_view::npos ? "/" : target.substr(path);
    }
    return target.substr(0, target.find('#'));
}

/// Whose calls a rate limit counts together: those of a member, or of an address when nobody is signed in or the route
/// signs in. Views the arguments, which have different sizes.
std::string_view counted_as(const Route& route, const Request& request, const IpAddress& subscriber) {
    if (!request.user || route.rate_class == RateClass::auth) return subscriber.bytes();
    return {reinterpret_cast<const char*>(&request.user), sizeof request.user};
}

Error too_many_requests(const RateDecision& rate) {
    return {Code::too_many_requests,
            "too many requests; the RateLimit headers say how many there may be",
            "",
            {},
            rate.reset};
}

/// The value of a list field that may come in several lines (RFC 9110 §5.3).
std::string joined(const beast::http::fields& head, field name) {
    std::string list;
    const auto lines = head.equal_range(name);
    for (auto line = lines.first; line != lines.second; ++line) {
        if (line != lines.first) list += ", ";
        list += view(line->value());
    }
    return list;
}

Error not_entity_tags(std::string_view name) {
    return {Code::invalid,
            std::string(name) + " must be entity tags as ETag headers gave them, or *",
            "invalid_header",
            {{'/' + std::string(name), "format", "is not a list of entity tags"}}};
}

/// 415 says what would be accepted (RFC 9110 §15.5.16, RFC 5789 §3.1).
void add_accepted(const Error& error, const Route& route, Response& response) {
    if (error.code != Code::unsupported_media) return;
    if (error.problem == kUnsupportedCoding) {
        response.headers.add("Accept-Encoding", "identity");
    } else if (route.method == "PATCH") {
        response.headers.add("Accept", "application/merge-patch+json, application/json");
        response.headers.add("Accept-Patch", "application/merge-patch+json, application/json");
    } else {
        response.headers.add("Accept", "application/json");
    }
}

/// The idempotency keys whose first request still runs in this process.
class RunningKeys {
public:
    bool enter(const std::string& key) {
        std::lock_guard lock(mutex_);
        return keys_.insert(key).second;
    }
    void leave(const std::string& key) {
        std::lock_guard lock(mutex_);
        keys_.erase(key);
    }

private:
    std::mutex mutex_;
    std::unordered_set<std::string> keys_;
};

}  // namespace

struct Dispatcher::State {
    Options options;
    const Router& router;
    const AccessTokens& tokens;
    const Revocations& revocations;
    RateLimiter& limiter;
    const Clock& clock;
    IdGenerator& request_ids;
    RunningKeys running_keys;
    std::array<std::string, 3> policies;

    void identify(std::string_view asked_id, Request& request) const;
    void read_head(const Exchange& exchange, Request& request) const;
    Result<void> authenticate(const Exchange& exchange, const Route& route, Request& request) const;
    Result<void> authenticate_service(const Exchange& exchange, const Route& route, Request& request) const;
    Result<void> check_headers(const Exchange& exchange, const Route& route, Request& request) const;
    bool is_allowed_origin(std::string_view origin) const {
        return std::ranges::find(options.cors_origins, origin) != options.cors_origins.end();
    }
    Response answer_without_route(const Exchange& exchange, const Request& request, std::string_view allowed) const;
    Response preflight(const Exchange& exchange, std::string_view allowed) const;
    Task<Response> run(const Route& route, Request& request);
    Task<Response> run_once(const Exchange& exchange, const Route& route, Request& request, std::string_view key);
    Task<std::optional<Response>> replay(const Route& route, const Request& request, const std::string& name,
                                         std::string_view key, const std::string& fingerprint);
    Task<std::optional<Response>> receive_body(const Exchange& exchange, const Route& route, Request& request) const;
    void apply_if_none_match(const Exchange& exchange, const Request& request, std::string& etag,
                             Response& response) const;
    void finish(const Exchange& exchange, const Request& request, Response& response) const;
    void add_rate_limit(const RateDecision& rate, RateClass rate_class, Response& response) const;
    bool compress(const Exchange& exchange, Response& response) const;
    void allow_origin(std::string_view origin, Response& response) const;
};

Dispatcher::Dispatcher(Options options, const Router& router, const AccessTokens& tokens,
                       const Revocations& revocations, RateLimiter& limiter, const Clock& clock,
                       IdGenerator& request_ids)
    : state_(new State{std::move(options), router, tokens, revocations, limiter, clock, request_ids, {}, {}}) {
    for (RateClass rate_class : {RateClass::read, RateClass::write, RateClass::auth}) {
        const RateLimit& limit = limiter.limit(rate_class);
        state_->policies[static_cast<std::size_t>(rate_class)] = '"' + std::string(json::name_of(rate_class)) +
                                                                 "\";q=" + std::to_string(limit.requests) +
                                                                 ";w=" + std::to_string(limit.window.count());
    }
}
Dispatcher::Dispatcher(Dispatcher&&) noexcept = default;
Dispatcher::~Dispatcher() = default;

/// Gives the request its id: the one that the client or a proxy asks for, if it is acceptable.
void Dispatcher::State::identify(std::string_view asked_id, Request& request) const {
    std::string& id = request.context.request_id;
    if (is_request_id(asked_id)) {
        id = asked_id;
    } else {
        id.reserve(16);
        append_hex(id, static_cast<std::uint64_t>(request_ids.next_value()));
    }
}

/// Reads what every request needs from its head: its ids, the client's address, path and query.
void Dispatcher::State::read_head(const Exchange& exchange, Request& request) const {
    RequestContext& context = request.context;
    identify(view(exchange.head["X-Request-Id"]), request);
    context.traceparent = next_traceparent(view(exchange.head["traceparent"]));
    if (const auto client = forwarded_address(exchange.head, exchange.peer, options.trusted_proxies)) {
        context.address = *client;
        context.ip = client->text();
    } else {
        context.address = exchange.peer.address;
        context.ip = exchange.peer.text;
    }
    const std::string_view agent = view(exchange.head[field::user_agent]);
    if (is_utf8(agent)) context.user_agent = agent.substr(0, 256);

    const std::string_view target = path_and_query(view(exchange.head.target()));
    const auto query = std::min(target.find('?'), target.size());
    context.path = target.substr(0, query);
    if (query < target.size()) request.query = target.substr(query + 1);
}

/// Answers a path that has no route (404), or none with this method: 405, or the answer to a CORS preflight. `allowed`
/// lists its methods.
Response Dispatcher::State::answer_without_route(const Exchange& exchange, const Request& request,
                                                 std::string_view allowed) const {
    if (allowed.empty())
        return problem(Error{Code::not_found, "there is no such route", "no_such_route"}, request.context);
    const std::string_view method = view(exchange.head.method_string());
    if (method == "OPTIONS") return preflight(exchange, allowed);
    Response response =
        problem(Refusal{405, "method_not_allowed", "this path has no method " + std::string(method.substr(0, 32))},
                request.context);
    response.headers.add("Allow", allowed);
    return response;
}

Result<void> Dispatcher::State::authenticate(const Exchange& exchange, const Route& route, Request& request) const {
    const std::string_view header = view(exchange.head[field::authorization]);
    if (route.internal_tokens) return authenticate_service(exchange, route, request);
    if (header.empty()) {
        if (route.who == Who::signed_in)
            return Error{Code::unauthenticated, "sign in first: this route needs an access token"};
        return {};
    }
    constexpr std::string_view kScheme = "Bearer ";
    const auto token = header.find_first_not_of(' ', kScheme.size());  // RFC 6750 §2.1: one blank or more
    if (token == std::string_view::npos || !beast::iequals(header.substr(0, kScheme.size()), kScheme))
        return Error{Code::unauthenticated, "the Authorization header must be 'Bearer TOKEN'", "invalid_token"};
    auto claims = tokens.verify(header.substr(token));
    if (!claims) return claims.error();
    if (revocations.is_revoked(*claims))
        return Error{Code::unauthenticated, "the session has ended", "session_revoked"};
    request.user = claims->user;
    request.session = claims->session;
    return {};
}

Result<void> Dispatcher::State::authenticate_service(const Exchange& exchange, const Route& route,
                                                     Request& request) const {
    auto claims = route.internal_tokens->verify(view(exchange.head[field::authorization]), route.service);
    if (!claims) return claims.error();
    request.user = claims->subject;
    const std::string_view text = view(exchange.head[kDeadlineHeader]);
    std::int64_t milliseconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
    const bool is_deadline = !text.empty() && ec == std::errc{} && end == text.data() + text.size() &&
                             milliseconds >= 0 && milliseconds <= kMaxDeadline.count();
    request.context.deadline =
        std::chrono::steady_clock::now() + (is_deadline ? std::chrono::milliseconds(milliseconds) : kMaxDeadline);
    request.context.reads_only = view(exchange.head[kReadsOnlyHeader]) == "1";
    return {};
}

Result<void> Dispatcher::State::check_headers(const Exchange& exchange, const Route& route, Request& request) const {
    if (route.has_body) {
        const std::string_view type = view(exchange.head[field::content_type]);
        const std::string_view bare = trim(type.substr(0, type.find(';')));
        const bool is_json = beast::iequals(bare, "application/json") ||
                             (route.method == "PATCH" && beast::iequals(bare, "application/merge-patch+json"));
        if (!is_json)
            return Error{Code::unsupported_media,
                         "the body must be application/json",
                         "",
                         {{"/Content-Type", "unsupported", "must be application/json"}}};
        const std::string_view coding = view(exchange.head[field::content_encoding]);
        if (!coding.empty() && !beast::iequals(coding, "identity"))
            return Error{Code::unsupported_media, "the body must not be compressed", kUnsupportedCoding};
    }
    if (route.takes_if_match && exchange.head.count(field::if_match) > 0) {
        const std::string if_match = joined(exchange.head, field::if_match);
        const auto tags = EntityTags::parse(if_match);
        if (!tags) return not_entity_tags("If-Match");
        if (!tags->is_any()) request.context.if_match = tags->versions();
    }
    return {};
}

/// Receives the body of an accepted request; the answer when it is refused.
Task<std::optional<Response>> Dispatcher::State::receive_body(const Exchange& exchange, const Route& route,
                                                              Request& request) const {
    const bool has_proved_itself = request.user || route.internal_tokens;
    auto body = co_await exchange.body->receive(
        has_proved_itself ? options.max_body_bytes : std::min(options.max_body_bytes, options.max_visitor_body_bytes));
    if (!body) co_return problem(body.error(), request.context);
    request.body = *body;
    co_return std::nullopt;
}

Response Dispatcher::State::preflight(const Exchange& exchange, std::string_view allowed) const {
    Response response;
    response.status = 204;
    response.content_type = {};
    response.headers.add("Allow", allowed);
    if (exchange.head.count("Access-Control-Request-Method") == 0 ||
        !is_allowed_origin(view(exchange.head[field::origin])))
        return response;
    response.headers.add("Access-Control-Allow-Methods", allowed);
    response.headers.add(
        "Access-Control-Allow-Headers",
        "authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-request-id");
    response.headers.add("Access-Control-Max-Age", "600");
    return response;
}

Task<Response> Dispatcher::State::run(const Route& route, Request& request) {
    // Nobody waits for the answer any more, and a caller that got it would only ask for more.
    if (route.internal_tokens && request.context.deadline <= std::chrono::steady_clock::now())
        co_return problem(Error{Code::unavailable, "the caller's deadline has passed", "deadline_exceeded"},
                          request.context);
    try {
        Task<Response> work = route.handle(request);
        CallPointer call;
        if (const auto deadline = router.call_deadline()) {
            RequestContext& context = request.context;
            context.deadline = std::min(context.deadline, std::chrono::steady_clock::now() + *deadline);
            const bool reads_only = context.reads_only || route.method == "GET";
            call = std::make_shared<const Call>(
                Call{context.request_id, context.traceparent, context.deadline, reads_only});
            work = run_for(call, std::move(work));
        }
        Response response = co_await std::move(work);
        if (call && call->may_be_stale.is_set() && route.internal_tokens) response.headers.add(kMayBeStaleHeader, "1");
        co_return response;
    } catch (const Unavailable& failure) {
        spdlog::warn("{} {} unavailable: {} request_id={}", route.method, route.path, failure.what(),
                     request.context.request_id);
        co_return problem(
            Error{failure.code,
                  failure.code == Code::insufficient_storage ? "the storage is full; nothing was changed"
                                                             : "a dependency of this request is unavailable; try again",
                  "",
                  {},
                  std::chrono::seconds(1)},
            request.context);
    } catch (const sql::ConstraintViolation& violation) {
        spdlog::warn("{} {} constraint: {} request_id={}", route.method, route.path, violation.what(),
                     request.context.request_id);
        co_return problem(Error{Code::conflict, "another request changed the same thing at the same time; try again"},
                          request.context);
    } catch (const std::exception& bug) {
        spdlog::error("{} {} failed: {} request_id={}", route.method, route.path, bug.what(),
                      request.context.request_id);
        co_return internal_error(request.context);
    }
}

Task<std::optional<Response>> Dispatcher::State::replay(const Route& route, const Request& request,
                                                        const std::string& name, std::string_view key,
                                                        const std::string& fingerprint) {
    auto stored = co_await find_stored_answer(*route.idempotency_keys, request.user, name, key, clock.now());
    if (!stored) co_return std::nullopt;
    if (stored->fingerprint != fingerprint)
        co_return problem(Error{Code::unprocessable,
                                "this Idempotency-Key was used for another request",
                                "idempotency_key_reused",
                                {{"/Idempotency-Key", "reused", "was used for another request"}}},
                          request.context);
    Response response;
    response.status = stored->status;
    response.body = std::move(stored->body);
    if (!stored->location.empty()) response.headers.add("Location", std::move(stored->location));
    response.headers.add("Idempotency-Replayed", "true");
    response.is_replay = true;
    co_return response;
}

Task<Response> Dispatcher::State::run_once(const Exchange& exchange, const Route& route, Request& request,
                                           std::string_view key) {
    const bool is_key = !key.empty() && key.size() <= kMaxIdempotencyKey &&
                        std::ranges::all_of(key, [](char c) { return c > 0x20 && c < 0x7f; });
    if (!is_key)
        co_return problem(Error{Code::invalid,
                                "the Idempotency-Key is not acceptable",
                                "invalid_header",
                                {{"/Idempotency-Key", "format", "must be 1 to 255 visible ASCII characters"}}},
                          request.context);
    const std::string name = route.method + " " + route.path;
    const std::string target(view(exchange.head.target()));
    const std::string fingerprint = hex(sha256(name + '\n' + target + '\n' + std::string(request.body)));
    const std::string running = std::to_string(request.user.value) + ' ' + name + ' ' + std::string(key);
    if (!running_keys.enter(running))
        co_return problem(Error{Code::conflict,
                                "a request with this Idempotency-Key is still running",
                                "idempotency_running",
                                {},
                                std::chrono::seconds(1)},
                          request.context);
    struct Leave {
        RunningKeys& keys;
        const std::string& key;
        ~Leave() { keys.leave(key); }
    } leave{running_keys, running};

    try {
        if (auto stored = co_await replay(route, request, name, key, fingerprint)) co_return std::move(*stored);
        IdempotencyClaim claim(request.user, name, std::string(key), fingerprint, clock.now());
        request.context.idempotency = &claim;
        Response response = co_await run(route, request);
        if (response.status < 300 && !claim.recorded())
            spdlog::error("{} accepted an Idempotency-Key but did not record its answer", name);
        if (response.status != 409) co_return response;
        // Another process may have answered the same key in the meantime.
        if (auto stored = co_await replay(route, request, name, key, fingerprint)) co_return std::move(*stored);
        co_return response;
    } catch (const Unavailable& failure) {
        spdlog::warn("{} unavailable: {}", name, failure.what());
        co_return problem(Error{failure.code,
                                "a dependency of this request is unavailable; try again",
                                "",
                                {},
                                std::chrono::seconds(1)},
                          request.context);
    }
}

void Dispatcher::State::add_rate_limit(const RateDecision& rate, RateClass rate_class, Response& response) const {
    response.headers.add("RateLimit-Policy", policies[static_cast<std::size_t>(rate_class)]);
    std::string left;
    left.reserve(32);
    json::write(left, rate_class);
    left += ";r=";
    json::write(left, rate.remaining);
    left += ";t=";
    json::write(left, rate.reset.count());
    response.headers.add("RateLimit", left);
}

/// Compresses the body when it is long enough and the client takes it. True when it did.
bool Dispatcher::State::compress(const Exchange& exchange, Response& response) const {
    if (response.body.empty() || response.body.size() < options.compress_from_bytes) return false;
    add_vary(response, "Accept-Encoding");
    if (!accepts_gzip(view(exchange.head[field::accept_encoding]))) return false;
    response.body = response.gzipped.empty() ? gzip(response.body) : std::string(response.gzipped);
    response.headers.add("Content-Encoding", "gzip");
    return true;
}

void Dispatcher::State::allow_origin(std::string_view origin, Response& response) const {
    if (options.cors_origins.empty()) return;
    add_vary(response, "Origin");
    if (!is_allowed_origin(origin)) return;
    response.headers.add("Access-Control-Allow-Origin", origin);
    response.headers.add(
        "Access-Control-Expose-Headers",
        "etag, link, location, ratelimit, ratelimit-policy, retry-after, x-request-id, idempotency-replayed");
}

/// Answers 304 to a client that has the answer already, and 400 to a field that cannot be read.
void Dispatcher::State::apply_if_none_match(const Exchange& exchange, const Request& request, std::string& etag,
                                            Response& response) const {
    const std::string if_none_match = joined(exchange.head, field::if_none_match);
    const auto tags = EntityTags::parse(if_none_match);
    if (!tags) {
        Response refused = problem(not_entity_tags("If-None-Match"), request.context);
        response.status = refused.status;
        response.content_type = refused.content_type;
        response.body = std::move(refused.body);
        response.gzipped = {};
        etag.clear();
    } else if (tags->contains(etag)) {
        response.status = 304;
        response.body.clear();
        response.gzipped = {};
        response.content_type = {};
    }
}

/// Adds what every answer has: how it may be cached, its entity tag, compression and CORS.
void Dispatcher::State::finish(const Exchange& exchange, const Request& request, Response& response) const {
    const Route* const route = request.route;
    std::string etag;
    if (route && route->has_etag && response.status == 200) {
        etag = entity_tag(response.version, response.body);
        if (exchange.head.count(field::if_none_match) > 0) apply_if_none_match(exchange, request, etag, response);
        response.headers.add("Cache-Control", response.status == 400 ? "no-store" : "private, no-cache");
    } else if (!response.body.empty()) {
        if (response.status == 201 && !response.is_replay) {
            etag = entity_tag(response.version, response.body);
        } else if (response.version != 0) {
            etag = entity_tag(response.version);
        }
        response.headers.add("Cache-Control", "no-store");
    }
    const bool is_compressed = compress(exchange, response);
    if (is_compressed && !etag.empty()) etag.insert(etag.size() - 1, "-gzip");
    if (!etag.empty()) response.headers.add("ETag", etag);
    allow_origin(view(exchange.head[field::origin]), response);
}

Task<Response> Dispatcher::answer(Exchange exchange, Request& request) {
    const std::string_view method = view(exchange.head.method_string());
    state_->read_head(exchange, request);
    std::string allowed;
    const Route* route =
        state_->router.match(method == "HEAD" ? "GET" : method, request.context.path, request.path_values, allowed);
    request.route = route;
    Response response;
    if (!route) {
        response = state_->answer_without_route(exchange, request, allowed);
        state_->finish(exchange, request, response);
        co_return response;
    }

    auto admitted = state_->authenticate(exchange, *route, request);
    std::optional<RateDecision> rate;
    if (!route->is_unlimited) {
        const IpAddress subscriber = request.context.address.subscriber();
        rate = co_await state_->limiter.take(route->rate_class, counted_as(*route, request, subscriber));
        if (!rate->allowed) admitted = too_many_requests(*rate);
    }
    if (admitted) admitted = state_->check_headers(exchange, *route, request);

    std::optional<Response> refused;
    if (!admitted) {
        refused = problem(admitted.error(), request.context);
        add_accepted(admitted.error(), *route, *refused);
    } else if (route->has_body && exchange.body) {
        refused = co_await state_->receive_body(exchange, *route, request);
    }
    if (refused) {
        response = std::move(*refused);
    } else if (route->is_idempotent && exchange.head.count("Idempotency-Key") > 0) {
        response = co_await state_->run_once(exchange, *route, request, view(exchange.head["Idempotency-Key"]));
    } else {
        response = co_await state_->run(*route, request);
    }
    if (rate) state_->add_rate_limit(*rate, route->rate_class, response);
    state_->finish(exchange, request, response);
    co_return response;
}

Response Dispatcher::refuse(const Refusal& refusal, const HeadExcerpt& head, const Peer& peer, Request& request) const {
    state_->identify(head.request_id, request);
    request.context.traceparent = next_traceparent({});
    request.context.address = peer.address;
    request.context.ip = peer.text;
    const std::string_view target = path_and_query(head.target);
    request.context.path = target.substr(0, target.find('?'));
    Response response = problem(refusal, request.context);
    response.headers.add("Cache-Control", "no-store");
    state_->allow_origin(head.origin, response);
    return response;
}

Response Dispatcher::answer_overdue(const Exchange& exchange, const Request& request) const {
    const Error error{Code::unavailable, "the request took too long; it may still be carried out", "deadline_exceeded"};
    Response response = problem(error, request.context);
    response.headers.add("Cache-Control", "no-store");
    state_->allow_origin(view(exchange.head[field::origin]), response);
    return response;
}

}  // namespace guildhall::http
