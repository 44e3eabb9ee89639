#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace guildhall::user {

/// Brakes on guessing. After so many failures within `window` nothing is tried for as long again. Addresses are those
/// of clients; of IPv6 one /64 counts as one.
struct ThrottleOptions {
    std::int64_t account_failures = 10;  // of one account, whether it exists or not; a device known to it counts apart
    std::int64_t ip_failures = 100;      // from one address
    std::int64_t requests = 20;          // for one e-mail address from one address: of an account, of a new password
    std::int64_t ip_registrations = 50;  // from one address: a school class gets through, a script does not
    std::chrono::seconds window{15 * 60};
    std::int64_t handle_changes = 10;  // of one member, within a day
};

/// The cost of argon2id. Source: OWASP Password Storage Cheat Sheet (19 MiB, 2 passes, 1 lane).
struct Argon2Cost {
    std::uint32_t memory_kib = 19'456;
    std::uint32_t passes = 2;
    std::uint32_t lanes = 1;
};

/// How many entries of each kind the directory keeps in memory; `hidden` counts each member in each list.
struct DirectorySizes {
    std::size_t cards = 100'000;
    std::size_t profiles = 20'000;
    std::size_t hidden =
        1'000'000;  // a sixteenth must hold the longest list (Options::max_blocks), else it is not kept
    std::size_t handles = 20'000;
};

/// How the user service is set.
struct Options {
    std::string issuer = "guildhall";  // of access tokens; what AccessTokens was made with
    std::chrono::seconds access_token_ttl{15 * 60};
    std::chrono::seconds refresh_token_ttl{30 * 24 * 3600};
    std::chrono::seconds refresh_grace{10};  // 0: none
    std::chrono::seconds code_ttl{15 * 60};
    std::int64_t code_tries = 5;
    ThrottleOptions throttle;
    Argon2Cost argon2;
    std::size_t hashing_threads = 1;
    std::size_t hashing_queue = 64;  // passwords that may wait; more are refused
    DirectorySizes caches;
    std::size_t max_blocks = 20'000;  // of one member: each request of theirs looks at them
    std::chrono::seconds signing_key_lifetime{30 * 24 * 3600};
};

}  // namespace guildhall::user
