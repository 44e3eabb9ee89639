#include "services/user/auth_service.hpp"

#include <utility>

#include "platform/base/log.hpp"
#include "platform/base/text.hpp"
#include "platform/http/paging.hpp"
#include "services/user/handle.hpp"
#include "services/user/mails.hpp"
#include "services/user/password_check.hpp"
#include "services/user/public/events.hpp"
#include "services/user/secrets.hpp"

namespace guildhall::user {
namespace {

constexpr std::string_view kSessionList = "user.sessions";

// Registrations of one address that are kept. Their clients are told apart by their tokens; from one network address
// come at most AuthService::Options::requests of them.
constexpr std::int64_t kMostRegistrations = 200;

/// What a client says of itself, short and in ASCII: it is stored and shown.
std::string printable(std::string_view text, std::size_t max) {
    std::string out(text.substr(0, max));
    for (char& c : out)
        if (c < ' ' || c > '~') c = '?';
    return out;
}

Error invalid_credentials() {
    return Error{Code::unauthenticated, "the e-mail address or the password is wrong", "invalid_credentials"};
}

Error invalid_refresh_token() {
    return Error{Code::unauthenticated, "the refresh token does not work (any more): sign in", "invalid_refresh_token"};
}

}  // namespace

Error handle_taken() {
    return Error{Code::conflict,
                 "the handle is not free",
                 "handle_taken",
                 {{"/handle", "handle_taken", "is somebody else's or reserved"}}};
}

Task<std::string> take_handle(UserStore& store, sql::Transaction& tx, std::string wanted, UserId user) {
    if (!is_reserved(wanted)) {
        const bool is_ours = co_await store.reserve_handle(tx, wanted, user);
        if (is_ours) co_return wanted;
    }
    for (int attempt = 0;; ++attempt) {
        std::string handle = numbered_handle(wanted, attempt);
        const bool is_ours = co_await store.reserve_handle(tx, handle, user);
        if (is_ours) co_return handle;
    }
}

AuthService::AuthService(Parts parts, Options options) : parts_(parts), options_(options) {}

mail::Message AuthService::mail_for(bool is_known, const std::string& email, const std::string& code) const {
    return is_known ? mail_of_known_address(email) : mail_of_registration(email, code, options_.code_ttl);
}

Task<Result<http::Accepted<RegisterAnswer>>> AuthService::register_member(http::Visitor visitor, Register body) {
    if (body.handle) {
        if (is_reserved(body.handle->value)) co_return handle_taken();
        const auto owner = co_await parts_.store.find_handle(body.handle->value);
        if (owner) co_return handle_taken();
    }
    // By the client's network as well: a stranger who asks for an address must not keep its owner from asking.
    const std::string& ip = visitor.request->ip;
    const std::string asked = body.email.value + '\n' + network_of(ip);
    auto attempt = co_await parts_.throttle.begin(Throttle::subjects("register", asked, ip, options_.requests));
    if (!attempt) co_return attempt.error();
    co_await parts_.throttle.keep(std::move(*attempt));

    std::string hash = co_await parts_.hasher.hash(std::move(body.password.value));
    const auto known = co_await parts_.store.find_user_by_email(body.email.value);

    // For a known address the same rows are written, with a code that nobody gets: neither the answer and its time, nor
    // what the token does afterwards, must tell of the address.
    const Time now = parts_.clock.now();
    std::string token = make_token();
    const Registration registration{
        body.email.value,       hash_of_token(token),       options_.code_tries,
        std::move(hash),        std::move(body.name.value), body.handle ? std::move(body.handle->value) : std::string(),
        now + options_.code_ttl};
    const auto compose = [&](const std::string& code) { return mail_for(known.has_value(), body.email.value, code); };
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await parts_.store.insert_registration(tx, registration, kMostRegistrations);
        co_await parts_.codes.mail(tx, registration.email, CodePurpose::registration, compose);
        co_return Result<void>{};
    };
    auto done = co_await parts_.database.transact<void>(work);
    if (!done) co_return done.error();
    co_return http::Accepted<RegisterAnswer>{{"check_your_email", std::move(token)}};
}

Task<Result<http::Accepted<MailAnswer>>> AuthService::resend_code(http::Visitor visitor, ResendCode body) {
    const std::string& email = body.email.value;
    const std::string token_hash = hash_of_token(body.registration_token.value);
    auto attempt = co_await parts_.throttle.begin(
        Throttle::subjects("resend", token_hash, visitor.request->ip, options_.requests));
    if (!attempt) co_return attempt.error();
    co_await parts_.throttle.keep(std::move(*attempt));

    const auto known = co_await parts_.store.find_user_by_email(email);
    const Time now = parts_.clock.now();
    const auto compose = [&](const std::string& code) { return mail_for(known.has_value(), email, code); };
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const bool is_there =
            co_await parts_.store.extend_registration(tx, email, token_hash, now, now + options_.code_ttl);
        if (!is_there)
            co_return Error{Code::unprocessable, "there is no such registration, or it has expired: register again",
                            "invalid_registration"};
        co_await parts_.codes.mail(tx, email, CodePurpose::registration, compose);
        co_return Result<void>{};
    };
    auto done = co_await parts_.database.transact<void>(work);
    if (!done) co_return done.error();
    co_return http::Accepted<MailAnswer>{{"check_your_email"}};
}

Task<Result<Tokens>> AuthService::verify_email(http::Visitor visitor, VerifyEmail body) {
    // Counted by token: otherwise a stranger's guesses would keep the owner of the address out.
    const std::string token_hash = hash_of_token(body.registration_token.value);
    auto attempt =
        co_await parts_.throttle.begin(Throttle::subjects("verify", token_hash, visitor.request->ip, options_.guesses));
    if (!attempt) co_return attempt.error();

    const Time now = parts_.clock.now();
    const std::string email = body.email.value;
    const std::string device = body.device ? body.device->value : std::string();
    // A wrong code is no Error in here: it would roll back the count of tries.
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::optional<NewSession>>> {
        std::optional<NewSession> nobody;
        auto pending = co_await parts_.store.take_try(tx, email, token_hash, now);
        if (!pending) co_return nobody;
        const bool is_right = co_await parts_.codes.redeem(tx, email, CodePurpose::registration, body.code.value);
        if (!is_right) co_return nobody;
        co_await parts_.store.remove_registration(tx, email, token_hash);

        // Of several registrations of an address the first to be verified gets it. The others are left to expire: to
        // remove them here, each locked by its own request at the same time, would be a deadlock.
        const auto user = parts_.ids.next<UserId>();
        const bool is_new = co_await parts_.store.reserve_email(tx, email, user);
        if (!is_new) co_return nobody;
        std::string wanted = pending->handle.empty() ? handle_from_name(pending->name) : pending->handle;
        Profile profile;
        profile.id = user;
        profile.handle = co_await take_handle(parts_.store, tx, std::move(wanted), user);
        profile.name = std::move(pending->name);
        profile.version = 1;
        profile.created_at = now;
        Credentials credentials{email, std::move(pending->password_hash)};
        co_await parts_.store.insert_account(tx, std::move(credentials), std::move(profile));
        co_await parts_.outbox.append(tx, Registered{user}, visitor.request->traceparent);
        std::optional<NewSession> session = co_await start_session(tx, user, device, *visitor.request, make_token());
        co_return session;
    };
    auto session = co_await parts_.database.transact<std::optional<NewSession>>(work);
    if (!session) co_return session.error();
    if (!*session) {
        co_await parts_.throttle.keep(std::move(*attempt));
        co_return invalid_code();
    }
    co_await parts_.throttle.clear(std::move(*attempt));
    co_return tokens_of(std::move(**session));
}

Task<Result<Tokens>> AuthService::log_in(http::Visitor visitor, Login body) {
    // An unknown address asks for the devices and the credentials of nobody, so that it costs as many reads.
    const auto found = co_await parts_.store.find_user_by_email(body.email.value);
    const UserId user = found.value_or(UserId{});
    const DeviceMarks marks = marks_of(body.device_token ? body.device_token->value : "", visitor.request->ip);
    const auto known = co_await parts_.recovery.find_known_device(user, marks);
    // Who signs in from a known place is counted there. All others share the count of the account, which a stranger can
    // use up. Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
    const std::string counted = known ? std::to_string(user.value) + '\n' + *known : body.email.value;
    auto attempt = co_await parts_.throttle.begin(
        Throttle::subjects(known ? "login.known" : "login", counted, visitor.request->ip, options_.guesses));
    if (!attempt) co_return attempt.error();

    const auto credentials = co_await parts_.store.find_credentials(user);
    std::optional<std::string> phc;
    if (credentials) phc = credentials->password_hash;
    const bool is_match = co_await check_password(parts_.hasher, parts_.throttle, body.password.value, std::move(phc),
                                                  std::move(*attempt));
    if (!is_match) co_return invalid_credentials();
    if (credentials->is_disabled)
        co_return Error{Code::forbidden, "an operator has disabled this account", "account_disabled"};

    std::optional<std::string> rehashed;
    if (!parts_.hasher.is_current(credentials->password_hash)) {
        try {
            rehashed = co_await parts_.hasher.hash(to_nfc(std::move(body.password.value)));
        } catch (const Unavailable& error) {
            spdlog::info("the next sign-in of user {} rehashes: {}", user.value, error.what());
        }
    }

    const std::string device = body.device ? body.device->value : std::string();
    const bool is_device_known = known && *known == marks.device;
    const std::string device_token = is_device_known ? body.device_token->value : make_token();
    auto work = [&](sql::Transaction& tx) -> Task<Result<NewSession>> {
        // Locks the account, and refuses a password that was changed while its hash was computed. Of sign-ins that
        // rehash it at the same time all are right.
        const bool is_valid = co_await parts_.store.confirm_password(tx, user, credentials->password_version, rehashed);
        if (!is_valid) co_return invalid_credentials();
        co_return co_await start_session(tx, user, device, *visitor.request, device_token);
    };
    auto session = co_await parts_.database.transact<NewSession>(work);
    if (!session) co_return session.error();
    co_return tokens_of(std::move(*session));
}

Task<AuthService::NewSession> AuthService::start_session(sql::Transaction& tx, UserId user, const std::string& device,
                                                         const http::RequestContext& request,
                                                         std::optional<std::string> device_token) {
    NewSession session{user, parts_.ids.next<SessionId>(), make_token(), std::move(device_token)};
    const Time now = parts_.clock.now();
    StoredSession row{user,
                      session.id,
                      hash_of_token(session.refresh_token),
                      device,
                      printable(request.ip, 45),
                      printable(request.user_agent, 256),
                      now,
                      now,
                      now + options_.refresh_token_ttl};
    co_await parts_.store.insert_session(tx, std::move(row));
    auto marks = marks_of(session.device_token.value_or(""), request.ip);
    co_await parts_.recovery.remember_device(tx, user, std::move(marks), now);
    co_return session;
}

Tokens AuthService::tokens_of(NewSession session) const {
    const http::AccessClaims claims{session.user, session.id, parts_.clock.now() + options_.access_token_ttl};
    return {session.user,
            session.id,
            parts_.keys.sign(claims),
            "Bearer",
            options_.access_token_ttl.count(),
            std::move(session.refresh_token),
            std::move(session.device_token)};
}

Task<Result<Tokens>> AuthService::refresh(http::Visitor visitor, Refresh body) {
    const std::string& token = body.refresh_token.value;
    const std::string used = hash_of_token(token);
    const auto route = co_await parts_.store.find_refresh_token(used);
    const Time now = parts_.clock.now();
    if (!route || route->expires_at <= now) co_return invalid_refresh_token();

    const std::string salt = make_token();
    NewSession next{route->user_id, route->session_id, successor_of(token, salt), std::nullopt};
    StoredSession row;
    row.user_id = next.user;
    row.id = next.id;
    row.token_hash = hash_of_token(next.refresh_token);
    row.ip = printable(visitor.request->ip, 45);
    row.user_agent = printable(visitor.request->user_agent, 256);
    row.last_seen_at = now;
    row.expires_at = now + options_.refresh_token_ttl;
    const Rotation rotation{used, salt, std::move(row)};
    // The reuse is no Error in here: that would roll back the end of the session.
    enum class Outcome { rotated, repeated, reused, unknown };
    std::optional<std::string> earlier;
    auto work = [&](sql::Transaction& tx) -> Task<Result<Outcome>> {
        const bool is_rotated = co_await parts_.store.rotate_token(tx, rotation);
        if (is_rotated) co_return Outcome::rotated;
        earlier = co_await parts_.store.find_successor_salt(tx, *route, used, now, options_.refresh_grace);
        if (earlier) co_return Outcome::repeated;
        const bool is_ended = co_await parts_.store.remove_session(tx, next.user, next.id, now);
        co_return is_ended ? Outcome::reused : Outcome::unknown;
    };
    auto outcome = co_await parts_.database.transact<Outcome>(work);
    if (!outcome) co_return outcome.error();
    if (*outcome == Outcome::repeated) next.refresh_token = successor_of(token, *earlier);
    if (*outcome == Outcome::rotated || *outcome == Outcome::repeated) co_return tokens_of(std::move(next));
    if (*outcome == Outcome::reused) {
        parts_.revocations.add(next.id, now);
        spdlog::warn("session {} of user {} ended: a used refresh token came again", next.id.value, next.user.value);
    }
    co_return invalid_refresh_token();
}

Task<Result<void>> AuthService::log_out(http::Caller caller) {
    auto done = co_await end_session(caller, caller.session);
    // Ended already, by another request of the caller's: that is what was asked for.
    if (!done && done.error().code == Code::not_found) co_return Result<void>{};
    co_return done;
}

Task<Result<void>> AuthService::end_session(http::Caller caller, SessionId session) {
    const Time now = parts_.clock.now();
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const bool is_ended = co_await parts_.store.remove_session(tx, caller.id, session, now);
        if (!is_ended) co_return Error{Code::not_found, "there is no such session"};
        co_return Result<void>{};
    };
    auto done = co_await parts_.database.transact<void>(work);
    if (!done) co_return done.error();
    parts_.revocations.add(session, now);
    co_return Result<void>{};
}

Task<Result<void>> AuthService::end_other_sessions(http::Caller caller) {
    const Time now = parts_.clock.now();
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::vector<SessionId>>> {
        co_return co_await parts_.store.remove_other_sessions(tx, caller.id, caller.session, now);
    };
    auto ended = co_await parts_.database.transact<std::vector<SessionId>>(work);
    if (!ended) co_return ended.error();
    for (auto session : *ended) parts_.revocations.add(session, now);
    co_return Result<void>{};
}

Task<Result<Page<Session>>> AuthService::list_sessions(http::Caller caller, json::PageQuery query) {
    const auto request = http::PageRequest::of(query, kSessionList);
    if (!request) co_return request.error();
    const auto rows = co_await parts_.store.list_sessions(caller.id, SessionId{request->after}, parts_.clock.now(),
                                                          query.limit.value + 1);
    std::vector<Session> sessions;
    sessions.reserve(rows.size());
    for (const auto& row : rows)
        sessions.push_back(
            {row.id, row.ip, row.user_agent, row.device, row.created_at, row.last_seen_at, row.id == caller.session});
    co_return http::page_of(*request, std::move(sessions), [](const Session& session) { return session.id.value; });
}

Task<Result<http::Document>> AuthService::jwks(http::Visitor) {
    co_return http::Document{"application/jwk-set+json", parts_.keys.jwks()};
}

Task<Result<std::vector<Tokens>>> AuthService::open_sessions(std::vector<UserId> members, std::string device) {
    const http::RequestContext nobody;
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::vector<NewSession>>> {
        std::vector<NewSession> sessions;
        for (const UserId member : members) {
            auto session = co_await start_session(tx, member, device, nobody, std::nullopt);
            sessions.push_back(std::move(session));
        }
        co_return sessions;
    };
    auto sessions = co_await parts_.database.transact<std::vector<NewSession>>(work);
    if (!sessions) co_return sessions.error();
    std::vector<Tokens> tokens;
    for (NewSession& session : *sessions) tokens.push_back(tokens_of(std::move(session)));
    co_return tokens;
}

Task<std::string> AuthService::hash_password(std::string password) {
    return parts_.hasher.hash(to_nfc(std::move(password)));
}

}  // namespace guildhall::user
