#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"

namespace guildhall::user {

using BlockId = Id<struct BlockTag>;
using MailId = Id<struct MailTag>;

/// What signs a member in. The hash is a PHC string; one that no password gives ("!") locks the account.
struct Credentials {
    std::string email;
    std::string password_hash;
    std::int64_t password_version = 1;  // raised by each change of the password, not by a new hash of the same one
    bool is_disabled = false;           // by an operator
};

/// One request for an account, of somebody who has still to show that the address is theirs. An address may have
/// several, of different people: a person opens the one whose token they hold, with a code that was mailed to the
/// address.
struct Registration {
    std::string email;
    std::string token_hash;
    std::int64_t tries_left = 0;
    std::string password_hash;
    std::string name;
    std::string handle;  // empty: to be made from the name
    Time expires_at;
};

/// One request for a new password, of somebody who has still to show that they read the mail of the address. There may
/// be none with an account.
struct PasswordReset {
    std::string email;
    std::string token_hash;
    std::int64_t tries_left = 0;
    Time expires_at;
};

/// What a member wants as address, until it is verified.
struct EmailChange {
    UserId user_id;
    std::string email;
    std::string old_email;
    std::int64_t tries_left = 0;
    Time expires_at;
};

/// What a client is known by: the hash of the device token that it presented or was given, and of its network address.
/// Empty: it has none.
struct DeviceMarks {
    std::string device;
    std::string network;
};

/// Whose a handle is, and whether they still go by it.
struct HandleOwner {
    UserId user_id;
    bool is_current = false;
};

/// A session as it is stored: a family of refresh tokens of which one works.
struct StoredSession {
    UserId user_id;
    SessionId id;
    std::string token_hash;
    std::string device;
    std::string ip;
    std::string user_agent;
    Time created_at;
    Time last_seen_at;
    Time expires_at;
};

/// A change of a session's refresh token.
struct Rotation {
    std::string from_hash;
    std::string successor_salt;
    StoredSession next;  // the session as it is then
};

/// Where a refresh token belongs, whether it still works or not.
struct TokenRoute {
    UserId user_id;
    SessionId session_id;
    Time expires_at;
};

/// A block as its owner has it.
struct StoredBlock {
    BlockId id;
    UserId blocked_id;
    Time created_at;
};

/// A private key of access tokens, as it is stored.
struct StoredKey {
    std::string kid;
    std::string jwk;
    Time created_at;
    Time expires_at;
};

/// A mail that waits to be sent.
struct StoredMail {
    MailId id;
    std::string recipient;
    std::string subject;
    std::string body;
    std::int64_t tries = 0;
    Time next_try_at;
    Time expires_at;
};

/// A mail that was not delivered.
struct DeadMail {
    MailId id;
    std::string recipient;
    std::string subject;
    std::int64_t tries = 0;
    std::string error;
    Time died_at;
};

/// An account as operators see it.
struct ListedAccount {
    UserId id;
    std::string email;
    std::string handle;
    std::string name;
    Time created_at;
    std::optional<Time> disabled_at;
};

/// A member to be taken over from elsewhere.
struct ImportedMember {
    std::string email;  // lower case
    std::string name;
    std::string handle;  // empty: made from the name; with a number when it is somebody else's
    std::string headline;
    std::string location;
    std::string industry;
    std::string password_hash;  // PHC string of argon2id, see AuthService::hash_password; empty: nobody can sign in
    Time created_at;
};

}  // namespace guildhall::user
