#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <boost/describe/class.hpp>

#include "platform/base/id.hpp"
#include "platform/json/constraints.hpp"
#include "services/user/public/directory.hpp"

// The contract with clients.

namespace guildhall::user {

using Name = json::Line<1, 100>;
/// A password to be checked: long enough for 128 code points in any normal form.
using PasswordToCheck = json::Opaque<2048>;
/// What a client calls the machine it runs on, to be recognised in the list of sessions.
using Device = json::Line<1, 100>;

/// Asks for an account.
struct Register {
    json::Email email;
    json::Password password;
    Name name;
    std::optional<json::Handle> handle;
};
BOOST_DESCRIBE_STRUCT(Register, (), (email, password, name, handle))

/// Alike for an address that has an account and for one that has none. The token is for the client that asked, which
/// keeps it until the code is typed.
struct RegisterAnswer {
    std::string status;
    std::string registration_token;
};
BOOST_DESCRIBE_STRUCT(RegisterAnswer, (), (status, registration_token))

/// The code from the mail, in any case; spaces and hyphens do not count. It opens the registration of the token.
struct VerifyEmail {
    json::Email email;
    json::Opaque<32> code;
    json::Opaque<256> registration_token;
    std::optional<Device> device;
};
BOOST_DESCRIBE_STRUCT(VerifyEmail, (), (email, code, registration_token, device))

/// Asks for another mail with a code for a registration.
struct ResendCode {
    json::Email email;
    json::Opaque<256> registration_token;
};
BOOST_DESCRIBE_STRUCT(ResendCode, (), (email, registration_token))

/// The mail was sent, unless one was sent a short while ago; its code still works then.
struct MailAnswer {
    std::string status;
};
BOOST_DESCRIBE_STRUCT(MailAnswer, (), (status))

/// Asks for a new password.
struct ForgotPassword {
    json::Email email;
};
BOOST_DESCRIBE_STRUCT(ForgotPassword, (), (email))

/// Alike for an address that has an account and for one that has none. The token is for the client that asked, which
/// keeps it until the code is typed.
struct ForgotPasswordAnswer {
    std::string status;
    std::string reset_token;
};
BOOST_DESCRIBE_STRUCT(ForgotPasswordAnswer, (), (status, reset_token))

/// Sets a new password with the code from the mail.
struct ResetPassword {
    json::Email email;
    json::Opaque<32> code;
    json::Opaque<256> reset_token;
    json::Password new_password;
};
BOOST_DESCRIBE_STRUCT(ResetPassword, (), (email, code, reset_token, new_password))

/// Asks for another address, with the password of the account.
struct ChangeEmail {
    json::Email email;
    PasswordToCheck password;
};
BOOST_DESCRIBE_STRUCT(ChangeEmail, (), (email, password))

/// The code that was mailed to the new address.
struct ConfirmEmail {
    json::Opaque<32> code;
};
BOOST_DESCRIBE_STRUCT(ConfirmEmail, (), (code))

/// Signs in. `device_token`: of an earlier sign-in of the member, if there was one; the guesses of strangers do not
/// keep a device out that has one.
struct Login {
    json::Email email;
    PasswordToCheck password;
    std::optional<Device> device;
    std::optional<json::Opaque<256>> device_token;
};
BOOST_DESCRIBE_STRUCT(Login, (), (email, password, device, device_token))

/// Asks for new tokens.
struct Refresh {
    json::Opaque<256> refresh_token;
};
BOOST_DESCRIBE_STRUCT(Refresh, (), (refresh_token))

/// What signs a member in. The refresh token works once; `expires_in` is of the access token, in seconds. The device
/// token comes with a sign-in only; a client keeps it also when the session has ended, and presents it at the next
/// sign-in.
struct Tokens {
    UserId user_id;
    SessionId session_id;
    std::string access_token;
    std::string token_type;
    std::int64_t expires_in = 0;
    std::string refresh_token;
    std::optional<std::string> device_token;
};
BOOST_DESCRIBE_STRUCT(Tokens, (),
                      (user_id, session_id, access_token, token_type, expires_in, refresh_token, device_token))

/// Replaces the current password by a new one.
struct ChangePassword {
    PasswordToCheck current_password;
    json::Password new_password;
};
BOOST_DESCRIBE_STRUCT(ChangePassword, (), (current_password, new_password))

/// Where a member is signed in.
struct Session {
    SessionId id;
    std::string ip;
    std::string user_agent;
    std::string device;
    Time created_at;
    Time last_seen_at;  // when tokens were last given, so up to the life of an access token late
    bool is_current = false;
};
BOOST_DESCRIBE_STRUCT(Session, (), (id, ip, user_agent, device, created_at, last_seen_at, is_current))

/// Which members; an id given twice counts once.
struct UserIds {
    json::IdList<100, UserId> ids;
};
BOOST_DESCRIBE_STRUCT(UserIds, (), (ids))

/// A member as members see them. An empty text is one that they did not give.
struct Profile {
    UserId id;
    std::string handle;
    std::string name;
    std::string headline;
    std::string about;
    std::string location;
    std::string industry;
    std::string pronouns;
    std::int64_t version = 0;
    Time created_at;
};
BOOST_DESCRIBE_STRUCT(Profile, (),
                      (id, handle, name, headline, about, location, industry, pronouns, version, created_at))

/// A member as another sees them. `degree`: 0 for the asking member, 1: connected, 2 and 3: the number of steps; null:
/// further, or the graph is unavailable.
struct SeenProfile : Profile {
    std::optional<int> degree;
};
BOOST_DESCRIBE_STRUCT(SeenProfile, (Profile), (degree))

/// A member as they see themself.
struct Me : Profile {
    std::string email;
};
BOOST_DESCRIBE_STRUCT(Me, (Profile), (email))

/// JSON Merge Patch of a profile.
struct UpdateProfile {
    json::Change<Name> name;
    json::Change<json::Handle> handle;
    json::Patch<json::Line<0, 220>> headline;
    json::Patch<json::Text<0, 2600>> about;
    json::Patch<json::Line<0, 100>> location;
    json::Patch<json::Line<0, 100>> industry;
    json::Patch<json::Line<0, 40>> pronouns;
};
BOOST_DESCRIBE_STRUCT(UpdateProfile, (), (name, handle, headline, about, location, industry, pronouns))

/// Whom a member blocks, and since when.
struct Block {
    Card user;
    Time created_at;
};
BOOST_DESCRIBE_STRUCT(Block, (), (user, created_at))

}  // namespace guildhall::user
