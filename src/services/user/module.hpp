#pragma once

#include "platform/async/pool.hpp"
#include "platform/cache/cache.hpp"
#include "platform/http/access_token.hpp"
#include "platform/mail/mailer.hpp"
#include "platform/service/base.hpp"
#include "platform/service/module.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/user/account_service.hpp"
#include "services/user/auth_service.hpp"
#include "services/user/internal_routes.hpp"
#include "services/user/member_directory.hpp"
#include "services/user/user_options.hpp"
#include "services/user/user_service.hpp"

namespace guildhall::user {

/// The user service of this process.
class Module final : public service::Module {
public:
    /// What it needs of the process and of other services.
    struct Needs {
        MemberDirectory& directory;  // of this service; made first, because those whom it needs itself need it
        connection::Degrees& degrees;
        cache::Cache& cache;
        mail::Mailer& mailer;
        http::AccessTokens& tokens;  // given its keys by load() and maintain()
    };
    Module(const service::Base& base, Needs needs, Options options);

    static service::Definition definition();

    void add_routes(http::Router& router) override;
    void add_internal_routes(http::Router& router, const http::InternalTokens& tokens) override;
    void add_consumers(outbox::Bindings& consumers) override;

    /// Loads revocations and keys.
    Task<void> load() override;
    /// Loads revocations and keys, deletes what has expired. What fails is logged, does not keep the rest from being
    /// done, and is done by the next call. Every two seconds or more often.
    Task<void> maintain() override;
    /// Sends mail: a slow server must not delay the rest.
    std::vector<service::Upkeep> upkeep() override;
    void stop() override;

    http::Revocations& revocations() { return revocations_; }
    /// For import.
    AuthService& auth() { return auth_; }
    AccountService& accounts() { return accounts_; }
    UserService& users() { return users_; }
    /// For tests.
    Pool& hashing() { return hashing_; }
    PostOffice& post_office() { return post_office_; }

private:
    Task<void> prune();
    Task<SessionRevocations::Page> list_revoked(RevokedSession last);

    const Clock& clock_;
    const Options options_;
    UserStore store_;
    RecoveryStore recovery_;
    Pool hashing_;
    PasswordHasher hasher_;
    SigningKeys keys_;
    SessionRevocations revocations_;
    PostOffice post_office_;
    MailedCodes codes_;
    Throttle throttle_;
    AuthService auth_;
    AccountService accounts_;
    UserService users_;
    InternalApi internal_;
    Time pruned_at_{};
};

}  // namespace guildhall::user
