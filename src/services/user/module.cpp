#include "services/user/module.hpp"

#include <utility>

#include "platform/async/upkeep.hpp"
#include "services/user/migrations.hpp"
#include "services/user/user_consumers.hpp"
#include "services/user/user_routes.hpp"

namespace guildhall::user {
namespace {

// Tokens of a revoked session live on for at most their time to live; clocks of replicas differ.
constexpr std::chrono::seconds kClockDifference{60};
constexpr std::chrono::seconds kPruneEvery{60};
// For each kind of row: revocations wait for the end of a turn.
constexpr std::chrono::milliseconds kPruneTime{50};
constexpr std::chrono::hours kRevocationRetention{1};
constexpr std::chrono::hours kKeysVerifyFor{24};
constexpr std::chrono::hours kDay{24};

FailureLimit limit(const Options& options, std::int64_t most) {
    return {most, options.throttle.window, options.throttle.window};
}

AttemptLimits guesses(const Options& options) {
    return {limit(options, options.throttle.account_failures), limit(options, options.throttle.ip_failures)};
}

AttemptLimits requests(const Options& options) {
    return {limit(options, options.throttle.requests), limit(options, options.throttle.ip_registrations)};
}

AuthService::Options auth_options(const Options& options) {
    return {options.access_token_ttl, options.refresh_token_ttl, options.refresh_grace, options.code_ttl,
            options.code_tries,       guesses(options),          requests(options)};
}

AccountService::Options account_options(const Options& options) {
    return {options.code_ttl, options.code_tries, guesses(options), requests(options)};
}

UserService::Options user_options(const Options& options) {
    return {FailureLimit{options.throttle.handle_changes, kDay, kDay}, options.max_blocks};
}

}  // namespace

Module::Module(const service::Base& base, Needs needs, Options options)
    : clock_(base.clock),
      options_(std::move(options)),
      store_(base.database),
      recovery_(base.database),
      hashing_("hashing", options_.hashing_threads, options_.hashing_queue),
      hasher_(hashing_, options_.argon2),
      keys_(base, store_, needs.tokens,
            {options_.issuer, options_.signing_key_lifetime, kKeysVerifyFor + options_.access_token_ttl}),
      revocations_([this](RevokedSession last) { return list_revoked(last); }, base.clock,
                   options_.access_token_ttl + kClockDifference),
      post_office_(base, store_, needs.mailer),
      codes_(recovery_, post_office_, base.clock, options_.code_ttl),
      throttle_(needs.cache, base.clock),
      auth_({base.database, store_, recovery_, base.ids, base.clock, base.outbox, hasher_, keys_, revocations_, codes_,
             throttle_},
            auth_options(options_)),
      accounts_({base.database, store_, recovery_, base.clock, base.coherence, hasher_, revocations_, post_office_,
                 codes_, throttle_},
                account_options(options_)),
      users_({base.database, store_, needs.directory, needs.degrees, base.ids, base.clock, base.outbox, throttle_,
              base.coherence},
             user_options(options_)),
      internal_(store_, keys_) {}

Task<SessionRevocations::Page> Module::list_revoked(RevokedSession last) {
    auto sessions = co_await store_.list_revoked(last, kMaxRevokedInAnswer);
    const bool has_more = sessions.size() == kMaxRevokedInAnswer;
    co_return SessionRevocations::Page{std::move(sessions), has_more};
}

service::Definition Module::definition() {
    return {.name = "user",
            .migrations = service::migrations_of("user", kMigrations),
            .describe_routes = [](http::Router& router) { user::add_routes(router, nullptr, nullptr, nullptr); },
            .describe_consumers = user::add_consumers};
}

void Module::add_routes(http::Router& router) { user::add_routes(router, &auth_, &accounts_, &users_); }

void Module::add_internal_routes(http::Router& router, const http::InternalTokens& tokens) {
    user::add_internal_routes(router, internal_, tokens);
}

void Module::add_consumers(outbox::Bindings& consumers) { user::add_consumers(consumers); }

Task<void> Module::load() {
    co_await revocations_.load();
    co_await keys_.refresh();
}

Task<void> Module::maintain() {
    // Revocations first: each second without them is one in which an ended session lives on here.
    co_await run_upkeep("user: revocations", revocations_.load());
    co_await run_upkeep("user: signing keys", keys_.refresh());
    co_await run_upkeep("user: what has expired", prune());
}

Task<void> Module::prune() {
    const Time now = clock_.now();
    if (now < pruned_at_ + kPruneEvery) co_return;
    const Time revoked_before = now - (options_.access_token_ttl + kRevocationRetention);
    const bool is_done = co_await store_.prune(now, revoked_before, kPruneTime);
    const bool is_all_done = co_await recovery_.prune(now, kPruneTime);
    if (is_done && is_all_done) pruned_at_ = now;
}

std::vector<service::Upkeep> Module::upkeep() {
    return {{"user: mails", [this] { return post_office_.run(); }}};
}

void Module::stop() { post_office_.stop(); }

}  // namespace guildhall::user
