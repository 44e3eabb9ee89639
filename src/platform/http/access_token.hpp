#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "platform/base/id.hpp"
#include "platform/base/result.hpp"

namespace guildhall::http {

/// What an access token says.
struct AccessClaims {
    UserId user;
    SessionId session;
    Time expires;
};

/// A key that signs access tokens: ES256 (ECDSA on P-256). It is stored as a JWK; its `kid` is its RFC 7638 thumbprint.
class SigningKey {
public:
    /// A new random key.
    static SigningKey generate();
    /// Reads a private JWK as private_jwk() wrote it. Errors: invalid.
    static Result<SigningKey> parse(std::string_view private_jwk);
    SigningKey(SigningKey&&) noexcept;
    SigningKey& operator=(SigningKey&&) noexcept;
    ~SigningKey();

    /// The key's name in tokens and in the JWKS.
    const std::string& kid() const;
    /// The key as JWK (RFC 7517), with and without its secret part.
    std::string private_jwk() const;
    std::string public_jwk() const;

    /// A compact JWT (RFC 7519; RFC 9068: typ at+jwt) with iss and aud `issuer`.
    std::string sign(const AccessClaims& claims, std::string_view issuer, Time now) const;

private:
    friend class AccessTokens;
    struct State;
    explicit SigningKey(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Verifies access tokens against a set of public keys (RFC 8725: one algorithm; typ, iss, aud and exp are checked).
/// Each thread caches the tokens that it has verified until they expire, so that a busy client costs one signature
/// check per token and thread. A token whose own exp has passed costs none. Thread-safe.
class AccessTokens {
public:
    AccessTokens(std::string issuer, const Clock& clock);
    ~AccessTokens();

    /// Replaces the keys by those of a JWKS document ({"keys": […]}). Errors: invalid.
    Result<void> set_keys(std::string_view jwks);

    /// Errors: unauthenticated; unavailable while there are no keys.
    Result<AccessClaims> verify(std::string_view token) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The sessions that ended before their access tokens expire. Thread-safe; asked for every signed-in request.
class Revocations {
public:
    virtual ~Revocations() = default;
    /// True when the session of `claims` has ended.
    virtual bool is_revoked(const AccessClaims& claims) const = 0;
};

}  // namespace guildhall::http
