#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "platform/async/pool.hpp"
#include "platform/cache/cache.hpp"
#include "platform/http/access_token.hpp"
#include "platform/http/router.hpp"
#include "platform/mail/mailer.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/user/auth_service.hpp"
#include "services/user/internal_routes.hpp"
#include "services/user/user_service.hpp"

namespace guildhall::user {

/// Brakes on guessing. After so many failures within `window` nothing is tried for as long again.
struct ThrottleOptions {
    std::int64_t account_failures = 10;  // of one account, whether it exists or not
    std::int64_t ip_failures = 100;      // from one address (IPv6: one /64)
    std::int64_t registrations = 20;     // of one e-mail address, answered or not
    std::int64_t ip_registrations =
        50;  // from one address (IPv6: one /64): a school class gets through, a script does not
    std::chrono::seconds window{15 * 60};
    std::int64_t handle_changes = 10;  // of one member, within a day
};

/// How the user service is set.
struct Options {
    std::string issuer = "guildhall";  // of access tokens; what AccessTokens was made with
    std::chrono::seconds access_token_ttl{15 * 60};
    std::chrono::seconds refresh_token_ttl{30 * 24 * 3600};
    std::chrono::seconds code_ttl{15 * 60};
    std::int64_t code_tries = 5;
    ThrottleOptions throttle;
    Argon2Cost argon2;
    MemberDirectory::Sizes caches;
    std::chrono::seconds signing_key_lifetime{30 * 24 * 3600};
};

/// The user service of this process.
class Module {
public:
    /// What it stands on; all of it must live longer.
    struct Ports {
        sql::Database& database;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
        outbox::Consumers& consumers;
        cache::Cache& cache;
        mail::Mailer& mailer;
        Pool& hashing;
        http::AccessTokens& tokens;  // given its keys by load() and maintain()
        cache::Coherence& coherence;
    };
    Module(Ports ports, Options options);
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// The schema, in order.
    static std::vector<sql::Migration> migrations();

    /// Binds the routes of the service; the module must outlive the router.
    void add_routes(http::Router& router);
    /// Binds the routes of this service for documents only: none of them can be called.
    static void describe_routes(http::Router& router);
    /// Binds what other processes ask of it, for those who hold one of `tokens`.
    void add_internal_routes(http::Router& router, const http::InternalTokens& tokens);

    /// Before serving: loads revocations and keys. Throws Unavailable; Corrupt when a stored key cannot be read.
    Task<void> load();

    /// Every two seconds or oftener: loads revocations and keys, sends mail that waits, deletes what has expired. What fails is logged, does not
    /// keep the rest from being done, and is done by the next call.
    Task<void> maintain();

    /// Who knows the degrees of members, at the start; it may need this module's directory, and so comes later. Outlives this.
    void ask_degrees_of(connection::Network& network) { users_.ask_degrees_of(network); }
    Directory& directory() { return directory_; }
    http::Revocations& revocations() { return revocations_; }
    AuthService& auth() { return auth_; }
    UserService& users() { return users_; }

private:
    Task<void> prune();
    Task<SessionRevocations::Page> list_revoked(RevokedSession last);

    Ports ports_;
    const Options options_;
    UserStore store_;
    MemberDirectory directory_;
    PasswordHasher hasher_;
    SigningKeys keys_;
    SessionRevocations revocations_;
    PostOffice post_office_;
    Throttle throttle_;
    AuthService auth_;
    UserService users_;
    InternalApi internal_;
    Time pruned_at_{};
};

}  // namespace guildhall::user
