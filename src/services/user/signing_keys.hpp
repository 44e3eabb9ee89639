#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "platform/http/access_token.hpp"
#include "platform/service/base.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// The keys of access tokens, shared by all replicas through SQL. The newest signs, except that a new one waits until
/// every replica knows it; all that have not expired verify. Thread-safe.
class SigningKeys {
public:
    /// Who signs, and for how long a key is used.
    struct Options {
        std::string issuer;
        std::chrono::seconds signs_for;     // then a new key follows
        std::chrono::seconds verifies_for;  // after that, so that no living token is orphaned
    };
    SigningKeys(const service::Base& base, UserStore& store, http::AccessTokens& tokens, Options options);

    /// Reads the keys, makes one when it is time, and gives their public halves to the verifier. Before the first
    /// token, then every few seconds. Throws Unavailable; Corrupt when a stored key cannot be read.
    Task<void> refresh();

    /// Throws Unavailable before the first refresh().
    std::string sign(const http::AccessClaims& claims) const;

    /// The public keys as a JWKS document (RFC 7517).
    std::string jwks() const;

private:
    struct Keys {
        std::vector<std::string> kids;
        std::string jwks;
        std::shared_ptr<const http::SigningKey> signer;
    };
    Task<void> make_key(Time now);
    std::shared_ptr<const Keys> keys() const;

    sql::Database& database_;
    UserStore& store_;
    const Clock& clock_;
    http::AccessTokens& tokens_;
    const Options options_;
    mutable std::mutex mutex_;
    std::shared_ptr<const Keys> keys_;
};

}  // namespace guildhall::user
