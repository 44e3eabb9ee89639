#include "platform/http/access_token.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>

#include <boost/describe/class.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cjose/cjose.h>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"

namespace guildhall::http {
namespace {

constexpr const char* kAlgorithm = "ES256";
constexpr const char* kType = "at+jwt";
constexpr std::size_t kMaxAccessTokenBytes = 2048;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::chrono::seconds kMaxClockSkew{60};  // between the machines that sign and verify
constexpr std::size_t kMaxCachedTokens = 8192;     // for each thread

struct TokenHeader {
    std::string alg;
    std::string typ;
    std::string kid;
};
BOOST_DESCRIBE_STRUCT(TokenHeader, (), (alg, typ, kid))

struct TokenPayload {
    std::string iss;
    std::string aud;
    UserId sub;
    SessionId sid;
    std::int64_t iat;  // seconds
    std::int64_t exp;
};
BOOST_DESCRIBE_STRUCT(TokenPayload, (), (iss, aud, sub, sid, iat, exp))

struct EcKey {
    std::string kty;
    std::string crv;
    std::string x;
    std::string y;
};
BOOST_DESCRIBE_STRUCT(EcKey, (), (kty, crv, x, y))

struct FreeKey {
    void operator()(cjose_jwk_t* key) const { cjose_jwk_release(key); }
};
struct FreeSignature {
    void operator()(cjose_jws_t* signature) const { cjose_jws_release(signature); }
};
struct FreeHeader {
    void operator()(cjose_header_t* header) const { cjose_header_release(header); }
};
using Key = std::unique_ptr<cjose_jwk_t, FreeKey>;
using Signature = std::unique_ptr<cjose_jws_t, FreeSignature>;
using Header = std::unique_ptr<cjose_header_t, FreeHeader>;

[[noreturn]] void fail(const cjose_err& error) { throw Corrupt(std::string("signing key: ") + error.message); }

std::string export_key(const cjose_jwk_t* key, bool with_private) {
    cjose_err error{};
    char* text = cjose_jwk_to_json(key, with_private, &error);
    if (!text) fail(error);
    std::string out(text);
    cjose_get_dealloc()(text);
    return out;
}

/// Source: RFC 7638 §3: the required members in lexicographic order, without white space.
std::string thumbprint(const cjose_jwk_t* key) {
    const auto ec = json::read_trusted<EcKey>(export_key(key, false));
    return base64url(
        sha256(R"({"crv":")" + ec.crv + R"(","kty":")" + ec.kty + R"(","x":")" + ec.x + R"(","y":")" + ec.y + R"("})"));
}

Error not_signed_in(std::string_view why) { return Error{Code::unauthenticated, std::string(why), "invalid_token"}; }

Error expired() { return not_signed_in("the access token has expired"); }

}  // namespace

struct SigningKey::State {
    Key key;
    std::string kid;
};

SigningKey::SigningKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

SigningKey SigningKey::generate() {
    cjose_err error{};
    Key key(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error));
    if (!key) fail(error);
    std::string kid = thumbprint(key.get());
    if (!cjose_jwk_set_kid(key.get(), kid.data(), kid.size(), &error)) fail(error);
    return SigningKey(std::make_unique<State>(State{std::move(key), std::move(kid)}));
}

Result<SigningKey> SigningKey::parse(std::string_view private_jwk) {
    cjose_err error{};
    Key key(cjose_jwk_import(private_jwk.data(), private_jwk.size(), &error));
    if (!key || cjose_jwk_get_kty(key.get(), &error) != CJOSE_JWK_KTY_EC)
        return Error{Code::invalid, "not an EC key in JWK form"};
    std::string kid = thumbprint(key.get());
    return SigningKey(std::make_unique<State>(State{std::move(key), std::move(kid)}));
}

const std::string& SigningKey::kid() const { return state_->kid; }
std::string SigningKey::private_jwk() const { return export_key(state_->key.get(), true); }
std::string SigningKey::public_jwk() const { return export_key(state_->key.get(), false); }

std::string SigningKey::sign(const AccessClaims& claims, std::string_view issuer, Time now) const {
    const std::string payload =
        json::to_json(TokenPayload{std::string(issuer), std::string(issuer), claims.user, claims.session,
                                   seconds_of(now), seconds_of(claims.expires)});
    cjose_err error{};
    Header header(cjose_header_new(&error));
    if (!header || !cjose_header_set(header.get(), CJOSE_HDR_ALG, kAlgorithm, &error) ||
        !cjose_header_set(header.get(), "typ", kType, &error) ||
        !cjose_header_set(header.get(), CJOSE_HDR_KID, state_->kid.c_str(), &error))
        fail(error);
    Signature signature(cjose_jws_sign(state_->key.get(), header.get(),
                                       reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size(), &error));
    if (!signature) fail(error);
    const char* token = nullptr;  // owned by the signature
    if (!cjose_jws_export(signature.get(), &token, &error)) fail(error);
    return token;
}

struct AccessTokens::State {
    std::string issuer;
    const Clock& clock;
    std::shared_mutex mutex;  // taken only for tokens that this thread has not cached
    std::map<std::string, Key, std::less<>> keys;
    std::atomic<std::uint64_t> generation;

    Result<AccessClaims> check(std::string_view token);
};

namespace {

/// Numbers the key sets of this process, so that each thread drops its cached tokens when the keys change.
std::atomic<std::uint64_t> next_generation{1};

struct TokenHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view token) const {
        // The end of the signature is as good as random.
        return std::hash<std::string_view>{}(token.substr(token.size() - std::min<std::size_t>(token.size(), 24)));
    }
};

struct TokenCache {
    std::uint64_t generation = 0;
    boost::unordered_flat_map<std::string, AccessClaims, TokenHash, std::equal_to<>> tokens;
};

}  // namespace

AccessTokens::AccessTokens(std::string issuer, const Clock& clock)
    : state_(new State{std::move(issuer), clock, {}, {}, next_generation++}) {}
AccessTokens::~AccessTokens() = default;

Result<void> AccessTokens::set_keys(std::string_view jwks) {
    unsigned char scratch[4096];
    boost::json::monotonic_resource memory(scratch, sizeof scratch);
    const auto document = json::parse(jwks, &memory);
    const auto* list = document && document->is_object() ? document->get_object().if_contains("keys") : nullptr;
    if (!list || !list->is_array()) return Error{Code::invalid, "not a JWKS document"};
    std::map<std::string, Key, std::less<>> keys;
    for (const auto& entry : list->get_array()) {
        const std::string text = boost::json::serialize(entry);
        cjose_err error{};
        Key key(cjose_jwk_import(text.data(), text.size(), &error));
        if (!key || cjose_jwk_get_kty(key.get(), &error) != CJOSE_JWK_KTY_EC)
            return Error{Code::invalid, "a key of the JWKS document is not an EC key"};
        std::string kid = thumbprint(key.get());
        keys.emplace(std::move(kid), std::move(key));
    }
    std::lock_guard lock(state_->mutex);
    if (std::ranges::equal(keys, state_->keys, {}, &decltype(keys)::value_type::first,
                           &decltype(keys)::value_type::first))
        return {};
    state_->keys = std::move(keys);
    state_->generation.store(next_generation++, std::memory_order_release);
    return {};
}

Result<AccessClaims> AccessTokens::State::check(std::string_view token) {
    const auto invalid = [] { return not_signed_in("the access token is not valid"); };
    if (token.size() > kMaxAccessTokenBytes) return invalid();
    const auto header_end = token.find('.');
    const auto header_text = from_base64url(token.substr(0, header_end));
    if (!header_text || header_end == std::string_view::npos) return invalid();
    const auto header = json::from_json<TokenHeader>(*header_text);
    if (!header || header->alg != kAlgorithm || header->typ != kType) return invalid();

    const auto rest = token.substr(header_end + 1);
    const auto payload_end = rest.find('.');
    if (payload_end == std::string_view::npos) return invalid();
    // cjose would take other spellings of the same bytes (RFC 7515 §2), and more bytes than an ES256 signature has
    // (RFC 7518 §3.4).
    const auto signature_bytes = from_base64url(rest.substr(payload_end + 1));
    if (!signature_bytes || signature_bytes->size() != kSignatureBytes) return invalid();

    // A client that keeps sending an expired token must not cost a signature check each time. The payload is not
    // trusted before the signature is checked: here it can only lead to a refusal, and it is read again below.
    const auto claimed_text = from_base64url(rest.substr(0, payload_end));
    if (!claimed_text) return invalid();
    const auto claimed = json::from_json<TokenPayload>(*claimed_text);
    if (!claimed) return invalid();
    const Time now = clock.now();
    if (claimed->exp <= seconds_of(now)) return expired();
    if (claimed->iat > seconds_of(now + kMaxClockSkew)) return invalid();

    cjose_err error{};
    Signature signature(cjose_jws_import(token.data(), token.size(), &error));
    if (!signature) return invalid();
    {
        std::shared_lock lock(mutex);
        if (keys.empty()) return Error{Code::unavailable, "the keys of access tokens are not known here yet"};
        const auto key = keys.find(header->kid);
        if (key == keys.end() || !cjose_jws_verify(signature.get(), key->second.get(), &error)) return invalid();
    }
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    if (!cjose_jws_get_plaintext(signature.get(), &bytes, &size, &error)) return invalid();
    const auto payload = json::from_json<TokenPayload>({reinterpret_cast<const char*>(bytes), size});
    if (!payload || payload->iss != issuer || payload->aud != issuer) return invalid();
    return AccessClaims{payload->sub, payload->sid, Time(std::chrono::seconds(payload->exp))};
}

Result<AccessClaims> AccessTokens::verify(std::string_view token) const {
    thread_local TokenCache cache;
    const std::uint64_t generation = state_->generation.load(std::memory_order_acquire);
    if (cache.generation != generation) {
        cache.tokens.clear();
        cache.generation = generation;
    }
    auto known = cache.tokens.find(token);
    if (known == cache.tokens.end()) {
        auto claims = state_->check(token);
        if (!claims) return claims;
        if (cache.tokens.size() >= kMaxCachedTokens) {
            boost::unordered::erase_if(
                cache.tokens, [now = state_->clock.now()](const auto& entry) { return entry.second.expires <= now; });
            if (cache.tokens.size() >= kMaxCachedTokens) cache.tokens.clear();
        }
        known = cache.tokens.emplace(token, *claims).first;
    }
    if (known->second.expires > state_->clock.now()) return known->second;
    cache.tokens.erase(known);
    return expired();
}

}  // namespace guildhall::http
