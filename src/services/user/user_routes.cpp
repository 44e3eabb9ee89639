#include "services/user/user_routes.hpp"

namespace guildhall::user {

using http::RateClass;

void add_routes(http::Router& r, AuthService* auth, AccountService* accounts, UserService* users) {
    r.post("/v1/auth/register", auth, &AuthService::register_member)
        .anyone()
        .rate(RateClass::auth)
        .named("registerAccount")
        .summary(
            "Ask for an account; the answer does not tell whether the address has one, its token is for email/verify")
        .may_fail(Code::conflict, "handle_taken: the asked handle is somebody else's or reserved");
    r.post("/v1/auth/email/verify", auth, &AuthService::verify_email)
        .anyone()
        .rate(RateClass::auth)
        .summary("Open the account with the token of the registration and a code that was mailed for it, and sign in")
        .may_fail(Code::unprocessable, "invalid_code: the code is wrong, used or expired, or the token is invalid");
    r.post("/v1/auth/email/resend", auth, &AuthService::resend_code)
        .anyone()
        .rate(RateClass::auth)
        .summary("Mail another code for a registration, unless one was mailed a short while ago")
        .may_fail(Code::unprocessable, "invalid_registration: there is none, or it has expired");
    r.post("/v1/auth/login", auth, &AuthService::log_in)
        .anyone()
        .rate(RateClass::auth)
        .named("openSession")
        .summary("Sign in")
        .may_fail(Code::unauthenticated, "invalid_credentials: the address or the password is wrong")
        .may_fail(Code::forbidden, "account_disabled: an operator has disabled the account");
    r.post("/v1/auth/refresh", auth, &AuthService::refresh)
        .anyone()
        .rate(RateClass::auth)
        .named("refreshSession")
        .summary("Change a refresh token for new tokens; one that is used twice ends its session")
        .may_fail(Code::unauthenticated, "invalid_refresh_token: unknown, used, expired or of an ended session");
    r.post("/v1/auth/logout", auth, &AuthService::log_out)
        .signed_in()
        .named("closeSession")
        .summary("End this session");
    r.post("/v1/auth/password/forgot", accounts, &AccountService::forgot_password)
        .anyone()
        .rate(RateClass::auth)
        .named("requestPasswordReset")
        .summary("Ask for a new password; the answer does not tell whether the address has an account");
    r.post("/v1/auth/password/reset", accounts, &AccountService::reset_password)
        .anyone()
        .rate(RateClass::auth)
        .named("resetPassword")
        .summary("Set a new password with the token of the request and the mailed code, and end all sessions")
        .may_fail(Code::unprocessable, "invalid_code: the code is wrong, used or expired, or the token is invalid");
    r.post("/v1/auth/password/change", accounts, &AccountService::change_password)
        .signed_in()
        .rate(RateClass::auth)
        .summary("Change the password and end all other sessions")
        .may_fail(Code::forbidden, "invalid_credentials: the current password is wrong");
    r.post("/v1/auth/email/change", accounts, &AccountService::change_email)
        .signed_in()
        .rate(RateClass::auth)
        .summary("Ask for another e-mail address; a code is mailed to it")
        .may_fail(Code::forbidden, "invalid_credentials: the password is wrong")
        .may_fail(Code::unprocessable, "same_email: it is the present address");
    r.post("/v1/auth/email/change/confirm", accounts, &AccountService::confirm_email)
        .signed_in()
        .rate(RateClass::auth)
        .summary("Replace the e-mail address, with the code that was mailed to the new one")
        .may_fail(Code::unprocessable, "invalid_code: the code is wrong, used or expired");
    r.get("/v1/auth/sessions", auth, &AuthService::list_sessions).signed_in().summary("List my sessions, newest first");
    r.remove("/v1/auth/sessions/{session_id}", auth, &AuthService::end_session)
        .signed_in()
        .summary("End one of my sessions");
    r.remove("/v1/auth/sessions", auth, &AuthService::end_other_sessions)
        .signed_in()
        .named("deleteOtherSessions")
        .summary("End all my other sessions");
    r.get("/.well-known/jwks.json", auth, &AuthService::jwks)
        .anyone()
        .named("listSigningKeys")
        .produces("application/jwk-set+json")
        .summary("The public keys of access tokens (RFC 7517)");

    r.get("/v1/users/me", users, &UserService::me).signed_in().etag().summary("Read my profile");
    r.patch("/v1/users/me", users, &UserService::update_me)
        .signed_in()
        .if_match()
        .summary("Change my profile (RFC 7396)")
        .may_fail(Code::conflict, "handle_taken: the asked handle is somebody else's or reserved");
    r.get("/v1/users/by-handle/{handle}", users, &UserService::find_by_handle)
        .signed_in()
        .etag()
        .named("getUserByHandle")
        .summary("Read the profile of a handle; an old handle leads to the new one");
    r.get("/v1/users/{user_id}", users, &UserService::find).signed_in().etag().summary("Read a profile");
    r.get("/v1/users", users, &UserService::list)
        .signed_in()
        .summary("Read up to 100 profiles; those that do not exist or are hidden are left out");

    r.get("/v1/users/me/blocks", users, &UserService::list_blocks)
        .signed_in()
        .summary("List whom I block, latest first");
    r.put("/v1/users/me/blocks/{user_id}", users, &UserService::block)
        .signed_in()
        .named("blockUser")
        .summary("Block a member: neither sees anything of the other")
        .may_fail(Code::unprocessable, "self_block: nobody can block themself; too_many_blocks");
    r.remove("/v1/users/me/blocks/{user_id}", users, &UserService::unblock)
        .signed_in()
        .named("unblockUser")
        .summary("End a block");
}

}  // namespace guildhall::user
