#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "platform/async/pool.hpp"
#include "platform/async/task.hpp"
#include "services/user/user_options.hpp"

namespace guildhall::user {

/// Hashes passwords by argon2id (RFC 9106) into PHC strings. Only on the given pool: a hash takes tens of milliseconds
/// of a core. When the pool is full, its Unavailable is thrown. Passwords are in NFC. Thread-safe.
class PasswordHasher {
public:
    PasswordHasher(Pool& pool, Argon2Cost cost);

    /// The PHC string of `password` with a new salt.
    Task<std::string> hash(std::string password);

    /// True when `password` gave `phc`. Without a `phc` (there is no such account) it is false after the same work.
    Task<bool> verify(std::string password, std::optional<std::string> phc);

    /// True when `phc` was made with today's cost.
    bool is_current(std::string_view phc) const { return phc.starts_with(prefix_); }

private:
    Pool& pool_;
    const Argon2Cost cost_;
    const std::string prefix_;  // "$argon2id$v=19$m=19456,t=2,p=1$"
    const std::string dummy_;   // well-formed, of no password
};

}  // namespace guildhall::user
