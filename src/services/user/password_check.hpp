#pragma once

#include <optional>
#include <string>

#include "services/user/password.hpp"
#include "services/user/throttle.hpp"

namespace guildhall::user {

/// True when `password` gave `phc`; the attempt is ended accordingly. One that the full pool refused is not counted.
/// Throws Unavailable then.
Task<bool> check_password(PasswordHasher& hasher, Throttle& throttle, std::string password,
                          std::optional<std::string> phc, Throttle::Attempt attempt);

}  // namespace guildhall::user
