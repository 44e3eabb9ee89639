#pragma once

#include <chrono>
#include <cstdint>

#include "platform/cache/coherence.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/response.hpp"
#include "services/user/mailed_codes.hpp"
#include "services/user/password.hpp"
#include "services/user/public/revocations.hpp"
#include "services/user/throttle.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// Keeps an account with its owner: new passwords, forgotten ones, and new addresses. No answer, nor the time it takes,
/// says whether an address has an account: for one that has none the same work is done. Thread-safe.
class AccountService {
public:
    /// Times to live and brakes.
    struct Options {
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
        const Clock& clock;
        cache::Coherence& coherence;
        PasswordHasher& hasher;
        SessionRevocations& revocations;
        PostOffice& post_office;
        MailedCodes& codes;
        Throttle& throttle;
    };
    AccountService(Parts parts, Options options) : parts_(parts), options_(options) {}

    /// Mails a code with which the holder of the answer's token can set a new password; an address without account gets
    /// a mail that says so. Errors: too_many_requests.
    Task<Result<http::Accepted<ForgotPasswordAnswer>>> forgot_password(http::Visitor visitor, ForgotPassword body);

    /// Sets a new password, ends all sessions, stops a change of the address, and forgets all known devices but the
    /// network address of this request. The member gets a mail about it.
    /// Errors: unprocessable (invalid_code) for a code that is wrong, used or expired, or an invalid token;
    /// too_many_requests. Throws Unavailable when too many passwords wait to be hashed.
    Task<Result<void>> reset_password(http::Visitor visitor, ResetPassword body);

    /// Ends all other sessions and stops a change of the address. The member gets a mail about it. Errors: forbidden
    /// (invalid_credentials) when the current password is wrong; too_many_requests.
    Task<Result<void>> change_password(http::Caller caller, ChangePassword body);

    /// Mails a code to the new address, and a notice to the present one. Replaces an earlier request of the member. An
    /// address that has another account gets a mail that says so. Errors: forbidden (invalid_credentials) when the
    /// password is wrong; unprocessable (same_email) for the present address; too_many_requests.
    Task<Result<http::Accepted<MailAnswer>>> change_email(http::Caller caller, ChangeEmail body);

    /// Gives the account its new address. The former one gets a mail about it and is free again. Errors: unprocessable
    /// (invalid_code) for a code that is wrong, used or expired, also when nothing is asked for; too_many_requests.
    Task<Result<void>> confirm_email(http::Caller caller, ConfirmEmail body);

private:
    /// The caller's credentials, when `password` is right. `pointer` names the field in the error.
    Task<Result<Credentials>> confirm_caller(http::Caller caller, std::string password, std::string pointer);

    Parts parts_;
    const Options options_;
};

}  // namespace guildhall::user
