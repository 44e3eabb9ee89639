#include "services/user/password.hpp"

#include <algorithm>
#include <utility>

#include <argon2.h>

#include "platform/base/result.hpp"
#include "platform/base/text.hpp"

namespace guildhall::user {
namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

std::string prefix_of(const Argon2Cost& cost) {
    return "$argon2id$v=19$m=" + std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.passes) +
           ",p=" + std::to_string(cost.lanes) + "$";
}

/// Base64 of the standard alphabet without padding, as PHC strings have it.
std::string base64(std::string_view bytes) {
    std::string text = base64url(bytes);
    std::ranges::replace(text, '-', '+');
    std::ranges::replace(text, '_', '/');
    return text;
}

std::string hash_now(const std::string& password, const Argon2Cost& cost) {
    const std::string salt = random_bytes(kSaltBytes);
    std::string encoded(argon2_encodedlen(cost.passes, cost.memory_kib, cost.lanes, kSaltBytes, kHashBytes, Argon2_id),
                        '\0');
    const int failure =
        argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(), salt.data(),
                              salt.size(), kHashBytes, encoded.data(), encoded.size());
    if (failure != ARGON2_OK) throw Unavailable(std::string("argon2: ") + argon2_error_message(failure));
    encoded.resize(encoded.find('\0'));
    return encoded;
}

bool verify_now(const std::string& password, const std::string& phc) {
    const int failure = argon2id_verify(phc.c_str(), password.data(), password.size());
    if (failure == ARGON2_MEMORY_ALLOCATION_ERROR) throw Unavailable("argon2: no memory");
    return failure == ARGON2_OK;
}

}  // namespace

// The dummy is put together, not computed: start-up must not wait for a hash.
PasswordHasher::PasswordHasher(Pool& pool, Argon2Cost cost)
    : pool_(pool),
      cost_(cost),
      prefix_(prefix_of(cost)),
      dummy_(prefix_ + base64(random_bytes(kSaltBytes)) + "$" + base64(random_bytes(kHashBytes))) {}

Task<std::string> PasswordHasher::hash(std::string password) {
    auto work = [password = std::move(password), cost = cost_] { return hash_now(password, cost); };
    co_return co_await run_on(pool_, std::move(work));
}

Task<bool> PasswordHasher::verify(std::string password, std::optional<std::string> phc) {
    // An account that nobody can sign in to ("!") must not answer quicker than one that does not exist.
    if (!phc || !phc->starts_with('$')) phc = dummy_;
    auto work = [password = std::move(password), phc = std::move(*phc)] { return verify_now(password, phc); };
    co_return co_await run_on(pool_, std::move(work));
}

}  // namespace guildhall::user
