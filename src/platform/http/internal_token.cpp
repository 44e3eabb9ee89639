#include "platform/http/internal_token.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/describe/class.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"

namespace guildhall::http {
namespace {

constexpr std::size_t kMinSecretBytes = 32;  // RFC 7518 §3.2: as long as the hash
constexpr std::size_t kMaxInternalTokenBytes = 1024;
constexpr std::chrono::seconds kLifetime{30};
constexpr std::chrono::seconds kMaxLifetime{60};
constexpr std::chrono::seconds kMaxClockSkew{5};  // between the machines of the services
constexpr std::string_view kScheme = "Bearer ";

struct Payload {
    std::string iss;
    std::string aud;
    std::optional<UserId> sub;  // absent: on behalf of nobody
    std::int64_t iat;           // seconds
    std::int64_t exp;
};
BOOST_DESCRIBE_STRUCT(Payload, (), (iss, aud, sub, iat, exp))

/// All tokens have the same header, so it is compared, not parsed (RFC 8725 §3.1: the verifier chooses the algorithm).
const std::string& header() {
    static const std::string text = base64url(R"({"alg":"HS256","typ":"internal+jwt"})") + '.';
    return text;
}

std::string mac(std::string_view secret, std::string_view text) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes, &size))
        throw Unavailable("HMAC-SHA256 failed");
    return base64url({reinterpret_cast<const char*>(bytes), size});
}

}  // namespace

InternalTokens::InternalTokens(std::vector<std::string> secrets, const Clock& clock)
    : secrets_(std::move(secrets)), clock_(clock) {
    const auto is_short = [](const std::string& secret) { return secret.size() < kMinSecretBytes; };
    if (secrets_.empty() || std::ranges::any_of(secrets_, is_short))
        throw std::invalid_argument("a secret must be at least 32 bytes long");
}

std::string InternalTokens::sign(const InternalClaims& claims) const {
    const Time now = clock_.now();
    Payload payload{claims.issuer, claims.audience, {}, seconds_of(now), seconds_of(now + kLifetime)};
    if (claims.subject) payload.sub = claims.subject;
    std::string token = header() + base64url(json::to_json(payload));
    const std::string signature = mac(secrets_.front(), token);
    token += '.';
    return token + signature;
}

Result<InternalClaims> InternalTokens::verify(std::string_view authorization, std::string_view audience) const {
    const auto refused = [](std::string_view why) {
        return Error{Code::unauthenticated, std::string(why), "invalid_token"};
    };
    if (!authorization.starts_with(kScheme) || !authorization.substr(kScheme.size()).starts_with(header()))
        return Error{Code::not_found, "there is no such route", "no_such_route"};
    const std::string_view token = authorization.substr(kScheme.size());
    if (token.size() > kMaxInternalTokenBytes) return refused("the internal token is too long");
    const auto dot = token.rfind('.');
    const std::string_view text = token.substr(0, dot);
    if (text.size() < header().size()) return refused("the internal token has no signature");
    const std::string_view signature = token.substr(dot + 1);
    const auto is_signed_by = [&](const std::string& secret) { return equal_secret(mac(secret, text), signature); };
    if (!std::ranges::any_of(secrets_, is_signed_by))
        return refused("the signature of the internal token is not valid");

    const auto json = from_base64url(text.substr(header().size()));
    auto payload = json ? json::from_json<Payload>(*json) : Result<Payload>(refused("the internal token is malformed"));
    if (!payload) return refused("the internal token is malformed");
    if (payload->aud != audience) return refused("the internal token is for another service");
    const std::int64_t now = seconds_of(clock_.now());
    if (payload->exp <= now - kMaxClockSkew.count()) return refused("the internal token has expired");
    if (payload->iat > now + kMaxClockSkew.count()) return refused("the internal token is not valid yet");
    if (payload->exp - payload->iat > kMaxLifetime.count()) return refused("the internal token is valid for too long");
    return InternalClaims{std::move(payload->iss), std::move(payload->aud), payload->sub.value_or(UserId{})};
}

}  // namespace guildhall::http
