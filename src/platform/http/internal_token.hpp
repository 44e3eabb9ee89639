#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/base/result.hpp"

namespace guildhall::http {

/// How many milliseconds the caller of an internal route still waits.
inline constexpr const char* kDeadlineHeader = "X-Deadline-Ms";
/// "1" when the caller of an internal route only reads (async/call.hpp).
inline constexpr const char* kReadsOnlyHeader = "X-Reads-Only";

/// "1" in the answer of an internal route that must not be cached (Call::may_be_stale).
inline constexpr const char* kMayBeStaleHeader = "X-May-Be-Stale";

/// What an internal token says: service `issuer` asks service `audience` on behalf of member `subject`, or of nobody
/// (0).
struct InternalClaims {
    std::string issuer;
    std::string audience;
    UserId subject;
};

/// Signs and verifies the tokens by which our services recognise each other (JWT, RFC 7519: typ internal+jwt, HS256
/// with a secret that all of them share; docs/adr/0008). A token is valid for 30 s; one that is valid for more than 60
/// s is refused. An access token is never accepted as one of these. Thread-safe.
class InternalTokens {
public:
    /// The first secret signs, all of them verify. To rotate: add the new secret everywhere, then put it first
    /// everywhere, then remove the old one. Throws std::invalid_argument when there is no secret, or one shorter than
    /// 32 bytes.
    InternalTokens(std::vector<std::string> secrets, const Clock& clock);

    /// A compact JWT, which only the service `claims.audience` accepts.
    std::string sign(const InternalClaims& claims) const;

    /// Verifies the token to `audience` in an Authorization field. Errors: not_found (no_such_route) when it has no
    /// internal token at all, so that strangers see no difference from an absent route; unauthenticated when the token
    /// is invalid.
    Result<InternalClaims> verify(std::string_view authorization, std::string_view audience) const;

private:
    const std::vector<std::string> secrets_;
    const Clock& clock_;
};

}  // namespace guildhall::http
