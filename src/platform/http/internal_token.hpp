#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/base/result.hpp"

namespace guildhall::http {

/// Milliseconds that the caller of an internal route still waits.
inline constexpr const char* kDeadlineHeader = "X-Deadline-Ms";
/// "1" when the caller of an internal route only reads (async/call.hpp).
inline constexpr const char* kReadsOnlyHeader = "X-Reads-Only";

/// "1" in the answer of an internal route that is not to be kept (Call::is_makeshift).
inline constexpr const char* kMakeshiftHeader = "X-Makeshift";

/// What an internal token says: service `issuer` asks service `audience` something for member `subject`, or for nobody (0).
struct InternalClaims {
    std::string issuer;
    std::string audience;
    UserId subject;
};

/// Signs and checks the tokens by which services of ours know each other (JWT, RFC 7519: typ internal+jwt, HS256 with a secret that all
/// of them have; docs/adr/0008). A token lives for 30 s; none that lives longer than 60 s is taken. No access token is ever one of these. Thread-safe.
class InternalTokens {
public:
    /// The first secret signs, all of them verify: so a new one is first added everywhere, then put first, then the old one goes.
    /// Throws std::invalid_argument when there is none, or one shorter than 32 bytes.
    InternalTokens(std::vector<std::string> secrets, const Clock& clock);

    /// A compact JWT. `claims.audience` is the only service that takes it.
    std::string sign(const InternalClaims& claims) const;

    /// Checks an Authorization field for a token to `audience`. Errors: not_found (no_such_route) when it is not even meant to be an internal token, so
    /// that strangers see no difference to an absent route; unauthenticated when it is one that does not hold.
    Result<InternalClaims> verify(std::string_view authorization, std::string_view audience) const;

private:
    const std::vector<std::string> secrets_;
    const Clock& clock_;
};

}  // namespace guildhall::http
