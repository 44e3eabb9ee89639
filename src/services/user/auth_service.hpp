#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/http/caller.hpp"
#include "platform/http/response.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/user/mailed_codes.hpp"
#include "services/user/password.hpp"
#include "services/user/public/revocations.hpp"
#include "services/user/recovery_store.hpp"
#include "services/user/signing_keys.hpp"
#include "services/user/throttle.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// Accounts, sign-in and sessions. No answer says whether an address has an account: what a stranger can ask gives the
/// same answer, after the same work, for an address that has one and for one that has none. Thread-safe.
class AuthService {
public:
    /// Times to live and brakes.
    struct Options {
        std::chrono::seconds access_token_ttl;
        std::chrono::seconds refresh_token_ttl;
        std::chrono::seconds refresh_grace;  // the same refresh token gives the same successor for so long
        std::chrono::seconds code_ttl;
        std::int64_t code_tries;
        AttemptLimits guesses;   // at a password or a code
        AttemptLimits requests;  // for one e-mail address from one network address, and from the latter in all
    };
    /// What it works with; all of it must live longer.
    struct Parts {
        sql::Database& database;
        UserStore& store;
        RecoveryStore& recovery;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
        PasswordHasher& hasher;
        SigningKeys& keys;
        SessionRevocations& revocations;
        MailedCodes& codes;
        Throttle& throttle;
    };
    AuthService(Parts parts, Options options);

    /// Mails a one-time code to an address without account; an address that has one gets a mail that says so. Each call
    /// is a registration of its own, which a code of the address opens together with the token of the answer: a person
    /// who can read the mail but did not ask opens nothing, and nor does who asked but cannot read the mail.
    /// Errors: conflict (handle_taken) for an asked handle that is somebody's or reserved; too_many_requests.
    Task<Result<http::Accepted<RegisterAnswer>>> register_member(http::Visitor visitor, Register body);

    /// Mails another code for a registration, which lives on as long as the code; what was mailed before still works.
    /// Errors: unprocessable (invalid_registration) when there is none or it has expired; too_many_requests.
    Task<Result<http::Accepted<MailAnswer>>> resend_code(http::Visitor visitor, ResendCode body);

    /// Opens the account of a registration and signs in; other registrations of the address open nothing from then on.
    /// Without an asked handle one is made from the name; with a number when it is taken, as is an asked one that
    /// somebody else has got in the meantime.
    /// Errors: unprocessable (invalid_code) for a code that is wrong, used or expired, or an invalid token;
    /// too_many_requests.
    Task<Result<Tokens>> verify_email(http::Visitor visitor, VerifyEmail body);

    /// The failures of others do not lock a member out on a device, or at a network address, from which the member has
    /// signed in before: these are counted by themselves.
    /// Errors: unauthenticated (invalid_credentials); forbidden (account_disabled), to who knows the password;
    /// too_many_requests. Throws Unavailable when too many passwords wait to be checked.
    Task<Result<Tokens>> log_in(http::Visitor visitor, Login body);

    /// Gives new tokens for a refresh token, which is used up by this. The one that was used last gives the same
    /// successor again for a few seconds: two tabs may have presented it, or an answer was lost. Any other that was
    /// used before ends its session: either its owner or a thief has it, and nobody can tell who (RFC 9700 §4.14).
    /// Errors: unauthenticated (invalid_refresh_token).
    Task<Result<Tokens>> refresh(http::Visitor visitor, Refresh body);

    /// Ends the caller's session.
    Task<Result<void>> log_out(http::Caller caller);

    /// The caller's sessions, newest first. Errors: invalid for a cursor of another list.
    Task<Result<Page<Session>>> list_sessions(http::Caller caller, json::PageQuery query);

    /// Errors: not_found, also when it is somebody else's.
    Task<Result<void>> end_session(http::Caller caller, SessionId session);

    /// Ends all of the caller's sessions but the one that asks.
    Task<Result<void>> end_other_sessions(http::Caller caller);

    /// The public keys of access tokens.
    Task<Result<http::Document>> jwks(http::Visitor visitor);

    /// Signs in `members`, who must exist, without their passwords: a session each, in one transaction. For import and
    /// measurements; no route leads here. Throws Unavailable before the signing keys are loaded.
    Task<Result<std::vector<Tokens>>> open_sessions(std::vector<UserId> members, std::string device);

    /// The hash of a password for ImportedMember.
    Task<std::string> hash_password(std::string password);

private:
    /// What a sign-in gives before it is signed.
    struct NewSession {
        UserId user;
        SessionId id;
        std::string refresh_token;
        std::optional<std::string> device_token;
    };
    /// Starts a session, and remembers the device and the network address that it comes from.
    Task<NewSession> start_session(sql::Transaction& tx, UserId user, const std::string& device,
                                   const http::RequestContext& request, std::optional<std::string> device_token);
    Tokens tokens_of(NewSession session) const;
    mail::Message mail_for(bool is_known, const std::string& email, const std::string& code) const;

    Parts parts_;
    const Options options_;
};

/// Gives `user` a handle within the transaction: `wanted`, or with a number behind it when that is somebody else's.
Task<std::string> take_handle(UserStore& store, sql::Transaction& tx, std::string wanted, UserId user);

/// Errors of an asked handle that cannot be had.
Error handle_taken();

}  // namespace guildhall::user
