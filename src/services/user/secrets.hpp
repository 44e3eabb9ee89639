#pragma once

#include <string>
#include <string_view>

#include "services/user/user.hpp"

namespace guildhall::user {

/// A token that only its client knows: 256 random bits in base64url.
std::string make_token();

/// What is stored of a token.
std::string hash_of_token(std::string_view token);

/// A code that people type: eight letters and digits, none of which looks like another; 40 random bits.
std::string make_code();

/// What is stored of a code that was mailed to `email`, from the code as it was typed: in any case, with spaces or
/// hyphens in between. Equal codes of two addresses give different hashes.
std::string hash_of_code(std::string_view email, std::string_view typed);

/// The refresh token that follows `token`. The same two values always give the same successor. `salt` is random and
/// stored with the session, so that neither an old token nor the database alone gives the new one.
std::string successor_of(std::string_view token, std::string_view salt);

/// What is stored of a client: of its device token and its network address, each of which may be unknown (empty).
DeviceMarks marks_of(std::string_view device_token, std::string_view ip);

}  // namespace guildhall::user
