#include "services/user/signing_keys.hpp"

#include <utility>

#include "platform/async/upkeep.hpp"

namespace guildhall::user {
namespace {

// Every replica reads the keys more often than this.
constexpr std::chrono::seconds kPublishedAhead{60};

/// Of keys newest first: the newest that everybody knows. While there is none, the oldest, because replicas that start
/// together may each have made one.
const StoredKey& signer_of(const std::vector<StoredKey>& keys, Time now) {
    for (const auto& key : keys)
        if (key.created_at + kPublishedAhead <= now) return key;
    return keys.back();
}

}  // namespace

SigningKeys::SigningKeys(const service::Base& base, UserStore& store, http::AccessTokens& tokens, Options options)
    : database_(base.database), store_(store), clock_(base.clock), tokens_(tokens), options_(std::move(options)) {}

Task<void> SigningKeys::refresh() {
    const Time now = clock_.now();
    auto stored = co_await store_.list_keys(now);
    if (stored.empty()) {
        co_await make_key(now);
        stored = co_await store_.list_keys(now);
    } else if (stored.front().created_at + options_.signs_for <= now) {
        // While it cannot be stored, for example on a full disk, the old key signs on.
        co_await run_upkeep("user: new signing key", make_key(now));
        stored = co_await store_.list_keys(now);
    }
    const StoredKey& chosen = signer_of(stored, now);

    const auto known = keys();
    std::vector<std::string> kids;
    for (const auto& key : stored) kids.push_back(key.kid);
    if (known && known->kids == kids && known->signer->kid() == chosen.kid) co_return;

    auto next = std::make_shared<Keys>();
    next->kids = std::move(kids);
    next->jwks = "{\"keys\":[";
    for (const auto& key : stored) {
        auto parsed = http::SigningKey::parse(key.jwk);
        if (!parsed) throw Corrupt("signing key " + key.kid + " cannot be read");
        if (!next->jwks.ends_with('[')) next->jwks += ',';
        next->jwks += parsed->public_jwk();
        if (key.kid == chosen.kid) next->signer = std::make_shared<http::SigningKey>(std::move(*parsed));
    }
    next->jwks += "]}";
    if (!tokens_.set_keys(next->jwks)) throw Corrupt("the signing keys are no JWKS");
    std::lock_guard lock(mutex_);
    keys_ = std::move(next);
}

Task<void> SigningKeys::make_key(Time now) {
    const auto key = http::SigningKey::generate();
    const StoredKey row{key.kid(), key.private_jwk(), now, now + options_.signs_for + options_.verifies_for};
    auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await store_.insert_key(tx, row);
        co_return Result<void>{};
    };
    const auto done = co_await database_.transact<void>(body);
    if (!done) throw Unavailable(done.error().detail);
}

std::shared_ptr<const SigningKeys::Keys> SigningKeys::keys() const {
    std::lock_guard lock(mutex_);
    return keys_;
}

std::string SigningKeys::sign(const http::AccessClaims& claims) const {
    const auto known = keys();
    if (!known) throw Unavailable("no signing key has been loaded yet");
    return known->signer->sign(claims, options_.issuer, clock_.now());
}

std::string SigningKeys::jwks() const {
    const auto known = keys();
    return known ? known->jwks : "{\"keys\":[]}";
}

}  // namespace guildhall::user
