#include "services/user/auth_service.hpp"

#include <utility>

#include "platform/base/log.hpp"
#include "platform/base/text.hpp"
#include "platform/http/paging.hpp"
#include "services/user/handle.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::user {
namespace {

constexpr std::string_view kSessionList = "user.sessions";

// No 0 and O, no 1 and I. 32 characters: each takes 5 bits, none is likelier than another.
constexpr std::string_view kCodeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
constexpr std::size_t kCodeLength = 8;
constexpr std::size_t kTokenBytes = 32;

std::string make_code() {
    std::string code = random_bytes(kCodeLength);
    for (char& c : code) c = kCodeAlphabet[static_cast<unsigned char>(c) % kCodeAlphabet.size()];
    return code;
}

/// The hash of a code as it was typed: any case, with spaces or hyphens between. With the address, so that equal codes
/// do not show as equal.
std::string hash_of_code(const std::string& email, std::string_view typed) {
    std::string text = email + '\n';
    for (const char c : typed) {
        if (c == ' ' || c == '-') continue;
        text += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return hex(sha256(text));
}

std::string hash_of_token(std::string_view token) { return hex(sha256(token)); }

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

Error invalid_code() { return Error{Code::unauthenticated, "the code is wrong or has expired", "invalid_code"}; }

Error invalid_refresh_token() {
    return Error{Code::unauthenticated, "the refresh token does not work (any more): sign in", "invalid_refresh_token"};
}

// Neither mail quotes what the other side typed: anybody can register any address.
mail::Message mail_with_code(const std::string& email, const std::string& code, std::chrono::seconds ttl) {
    return {
        email, "Your code for Guildhall",
        "Somebody, probably you, asked for an account at Guildhall with this address.\n"
        "Enter this code where you asked for it; it works nowhere else:\n\n"
        "Code: " +
            code + "\n\nIt works once, for " + std::to_string(ttl.count() / 60) +
            " minutes. Give it to nobody: if you did not ask for it, a stranger did, and could open the\n"
            "account with a password of theirs. In that case ignore this mail: nothing happens without the code.\n"};
}

mail::Message mail_of_known_address(const std::string& email) {
    return {email, "You already have an account at Guildhall",
            "Somebody, probably you, asked for an account at Guildhall with this address.\n"
            "There is one already: sign in with your password.\n\n"
            "If it was not you, ignore this mail: nothing has changed.\n"};
}

}  // namespace

Error handle_taken() {
    return Error{Code::conflict,
                 "the handle is not free",
                 "handle_taken",
                 {{"/handle", "handle_taken", "is somebody else's or reserved"}}};
}

Task<std::string> take_handle(UserStore& store, sql::Transaction& tx, std::string wanted, HandleClaim claim) {
    if (!is_reserved(wanted)) {
        const bool is_ours = co_await store.reserve_handle(tx, wanted, claim);
        if (is_ours) co_return wanted;
    }
    for (int attempt = 0;; ++attempt) {
        std::string handle = numbered_handle(wanted, attempt);
        const bool is_ours = co_await store.reserve_handle(tx, handle, claim);
        if (is_ours) co_return handle;
    }
}

AuthService::AuthService(Parts parts, Options options) : parts_(parts), options_(options) {}

std::vector<Throttle::Subject> AuthService::subjects_of(std::string_view what, std::string_view account,
                                                        const http::RequestContext& request) const {
    std::vector<Throttle::Subject> subjects{Throttle::account(what, account, options_.account_failures)};
    if (!request.ip.empty()) subjects.push_back(Throttle::address(what, request.ip, options_.address_failures));
    return subjects;
}

Task<Result<http::Accepted<RegisterAnswer>>> AuthService::register_member(http::Visitor visitor, Register body) {
    if (body.handle) {
        if (is_reserved(body.handle->value)) co_return handle_taken();
        const auto owner = co_await parts_.store.find_handle(body.handle->value);
        if (owner) co_return handle_taken();
    }
    const std::string& ip = visitor.request->ip;
    std::vector<Throttle::Subject> subjects{Throttle::account("register", body.email.value, options_.registrations)};
    if (!ip.empty()) subjects.push_back(Throttle::address("register", ip, options_.ip_registrations));
    auto attempt = co_await parts_.throttle.begin(std::move(subjects));
    if (!attempt) co_return attempt.error();
    co_await parts_.throttle.keep(std::move(*attempt));

    std::string hash = co_await parts_.hasher.hash(std::move(body.password.value));
    const auto known = co_await parts_.store.find_user_by_email(body.email.value);

    // For a known address the same rows are written, with a code that nobody gets: neither the answer and its time, nor
    // what the token does afterwards, nor whether the handle is free then, must tell of the address.
    const Time now = parts_.clock.now();
    const std::string code = make_code();
    std::string token = base64url(random_bytes(kTokenBytes));
    const Registration registration{body.email.value,
                                    hash_of_token(token),
                                    hash_of_code(body.email.value, code),
                                    options_.code_tries,
                                    std::move(hash),
                                    std::move(body.name.value),
                                    body.handle ? std::move(body.handle->value) : std::string(),
                                    now + options_.code_ttl};
    auto message =
        known ? mail_of_known_address(registration.email) : mail_with_code(registration.email, code, options_.code_ttl);
    StoredMail mail = parts_.post_office.address(std::move(message), options_.code_ttl);

    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        if (!registration.handle.empty()) {
            HandleClaim claim{UserId{}, registration.email, now, registration.expires_at};
            const bool is_ours = co_await parts_.store.claim_handle(tx, registration.handle, std::move(claim));
            if (!is_ours) co_return handle_taken();
        }
        // As many as the throttle lets through, so that a stranger cannot make another's fall before its time.
        co_await parts_.store.insert_registration(tx, registration, options_.registrations.most);
        co_await parts_.post_office.write(tx, mail);
        co_return Result<void>{};
    };
    auto done = co_await parts_.database.transact<void>(work);
    if (!done) co_return done.error();
    co_await parts_.post_office.send_now(std::move(mail));
    co_return http::Accepted<RegisterAnswer>{{"check_your_email", std::move(token)}};
}

Task<Result<Tokens>> AuthService::verify_email(http::Visitor visitor, VerifyEmail body) {
    // Counted by token: otherwise a stranger's guesses would keep the owner of the address out.
    const std::string token_hash = hash_of_token(body.registration_token.value);
    auto attempt = co_await parts_.throttle.begin(subjects_of("verify", token_hash, *visitor.request));
    if (!attempt) co_return attempt.error();

    const Time now = parts_.clock.now();
    const std::string email = body.email.value;
    const std::string code_hash = hash_of_code(email, body.code.value);
    const std::string device = body.device ? body.device->value : std::string();
    // A wrong code is no Error in here: it would roll back the count of tries.
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::optional<NewSession>>> {
        std::optional<NewSession> nobody;
        auto pending = co_await parts_.store.take_try(tx, email, token_hash, now);
        if (!pending || !equal_secret(pending->code_hash, code_hash)) co_return nobody;
        co_await parts_.store.remove_registration(tx, email, token_hash);

        // Of several registrations of an address the first to be verified gets it. The others are left to expire: to
        // remove them here, each locked by its own code at the same time, would be a deadlock.
        const auto user = parts_.ids.next<UserId>();
        const bool is_new = co_await parts_.store.reserve_email(tx, email, user);
        if (!is_new) co_return nobody;
        std::string wanted = pending->handle.empty() ? handle_from_name(pending->name) : pending->handle;
        Profile profile;
        profile.id = user;
        HandleClaim claim{user, email, now};
        profile.handle = co_await take_handle(parts_.store, tx, std::move(wanted), std::move(claim));
        profile.name = std::move(pending->name);
        profile.version = 1;
        profile.created_at = now;
        Credentials credentials{email, std::move(pending->password_hash)};
        co_await parts_.store.insert_account(tx, std::move(credentials), std::move(profile));
        co_await parts_.outbox.append(tx, Registered{user}, visitor.request->traceparent);
        std::optional<NewSession> session = co_await start_session(tx, user, device, *visitor.request);
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

Task<bool> AuthService::matches(std::string password, std::optional<std::string> phc, Throttle::Attempt attempt) {
    std::exception_ptr failure;
    bool is_match = false;
    try {
        is_match = co_await parts_.hasher.verify(to_nfc(std::move(password)), std::move(phc));
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        co_await parts_.throttle.undo(std::move(attempt));
        std::rethrow_exception(failure);
    }
    if (is_match) {
        co_await parts_.throttle.clear(std::move(attempt));
    } else {
        co_await parts_.throttle.keep(std::move(attempt));
    }
    co_return is_match;
}

Task<Result<Tokens>> AuthService::log_in(http::Visitor visitor, Login body) {
    auto attempt = co_await parts_.throttle.begin(subjects_of("login", body.email.value, *visitor.request));
    if (!attempt) co_return attempt.error();

    // An unknown address asks for the credentials of nobody, so that it costs as many reads.
    const auto found = co_await parts_.store.find_user_by_email(body.email.value);
    const UserId user = found.value_or(UserId{});
    const auto credentials = co_await parts_.store.find_credentials(user);
    std::optional<std::string> phc;
    if (credentials) phc = credentials->password_hash;
    const bool is_match = co_await matches(body.password.value, std::move(phc), std::move(*attempt));
    if (!is_match) co_return invalid_credentials();

    std::optional<std::string> rehashed;
    if (!parts_.hasher.is_current(credentials->password_hash)) {
        try {
            rehashed = co_await parts_.hasher.hash(to_nfc(std::move(body.password.value)));
        } catch (const Unavailable& error) {
            spdlog::info("the next sign-in of user {} rehashes: {}", user.value, error.what());
        }
    }

    const std::string device = body.device ? body.device->value : std::string();
    auto work = [&](sql::Transaction& tx) -> Task<Result<NewSession>> {
        // Locks the account, and refuses a password that was changed while its hash was computed. Of sign-ins that
        // rehash it at the same time all are right.
        const bool is_valid = co_await parts_.store.confirm_password(tx, user, credentials->password_version, rehashed);
        if (!is_valid) co_return invalid_credentials();
        co_return co_await start_session(tx, user, device, *visitor.request);
    };
    auto session = co_await parts_.database.transact<NewSession>(work);
    if (!session) co_return session.error();
    co_return tokens_of(std::move(*session));
}

Task<AuthService::NewSession> AuthService::start_session(sql::Transaction& tx, UserId user, const std::string& device,
                                                         const http::RequestContext& request) {
    NewSession session{user, parts_.ids.next<SessionId>(), base64url(random_bytes(kTokenBytes))};
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
    co_return session;
}

Tokens AuthService::tokens_of(NewSession session) const {
    const http::AccessClaims claims{session.user, session.id, parts_.clock.now() + options_.access_token_ttl};
    return {session.user,
            session.id,
            parts_.keys.sign(claims),
            "Bearer",
            options_.access_token_ttl.count(),
            std::move(session.refresh_token)};
}

Task<Result<Tokens>> AuthService::refresh(http::Visitor visitor, Refresh body) {
    const std::string used = hash_of_token(body.refresh_token.value);
    const auto route = co_await parts_.store.find_refresh_token(used);
    const Time now = parts_.clock.now();
    if (!route || route->expires_at <= now) co_return invalid_refresh_token();

    NewSession next{route->user_id, route->session_id, base64url(random_bytes(kTokenBytes))};
    StoredSession row;
    row.user_id = next.user;
    row.id = next.id;
    row.token_hash = hash_of_token(next.refresh_token);
    row.ip = printable(visitor.request->ip, 45);
    row.user_agent = printable(visitor.request->user_agent, 256);
    row.last_seen_at = now;
    row.expires_at = now + options_.refresh_token_ttl;
    // The reuse is no Error in here: that would roll back the end of the session.
    enum class Outcome { rotated, reused, unknown };
    auto work = [&](sql::Transaction& tx) -> Task<Result<Outcome>> {
        const bool is_rotated = co_await parts_.store.rotate_token(tx, used, row);
        if (is_rotated) co_return Outcome::rotated;
        const bool is_ended = co_await parts_.store.remove_session(tx, next.user, next.id, now);
        co_return is_ended ? Outcome::reused : Outcome::unknown;
    };
    auto outcome = co_await parts_.database.transact<Outcome>(work);
    if (!outcome) co_return outcome.error();
    if (*outcome == Outcome::rotated) co_return tokens_of(std::move(next));
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

Task<Result<void>> AuthService::change_password(http::Caller caller, ChangePassword body) {
    const Error wrong{Code::forbidden,
                      "the current password is wrong",
                      "invalid_credentials",
                      {{"/current_password", "invalid_credentials", "is not the current password"}}};
    const std::string account = std::to_string(caller.id.value);
    auto attempt = co_await parts_.throttle.begin(subjects_of("password", account, *caller.request));
    if (!attempt) co_return attempt.error();
    const auto credentials = co_await parts_.store.find_credentials(caller.id);
    std::optional<std::string> phc;
    if (credentials) phc = credentials->password_hash;
    const bool is_match = co_await matches(std::move(body.current_password.value), std::move(phc), std::move(*attempt));
    if (!is_match) co_return wrong;

    const std::string next = co_await parts_.hasher.hash(std::move(body.new_password.value));
    const Time now = parts_.clock.now();
    // The account's row is locked first, as a sign-in does: one that checked the old password either comes before, and
    // its session is ended here, or sees the new hash and fails.
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::vector<SessionId>>> {
        const bool is_changed =
            co_await parts_.store.replace_password(tx, caller.id, credentials->password_version, next);
        if (!is_changed) co_return wrong;
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
            auto session = co_await start_session(tx, member, device, nobody);
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
