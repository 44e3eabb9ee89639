#include "services/user/module.hpp"

#include <utility>

#include "platform/async/upkeep.hpp"
#include "platform/http/stand_in.hpp"
#include "platform/sql/node_lease.hpp"
#include "services/user/migrations.hpp"
#include "services/user/public/events.hpp"
#include "services/user/public/kept.hpp"
#include "services/user/user_routes.hpp"

namespace guildhall::user {
namespace {

// Tokens of a revoked session live on for at most their time to live; clocks of replicas differ.
constexpr std::chrono::seconds kClockDifference{60};
constexpr std::chrono::seconds kPruneEvery{60};
// For each kind of row: revocations wait for the end of a turn.
constexpr std::chrono::milliseconds kPruneTime{50};
constexpr std::chrono::hours kRevokedKept{1};
constexpr std::chrono::hours kKeysVerifyFor{24};
constexpr std::chrono::hours kDay{24};

AuthService::Options auth_options(const Options& options) {
    const auto limit = [&](std::int64_t most) {
        return FailureLimit{most, options.throttle.window, options.throttle.window};
    };
    return {options.access_token_ttl,
            options.refresh_token_ttl,
            options.code_ttl,
            options.code_tries,
            limit(options.throttle.account_failures),
            limit(options.throttle.ip_failures),
            limit(options.throttle.registrations),
            limit(options.throttle.ip_registrations)};
}

UserService::Options user_options(const Options& options) {
    return {FailureLimit{options.throttle.handle_changes, kDay, kDay}};
}

}  // namespace

Module::Module(Ports ports, Options options)
    : ports_(ports),
      options_(std::move(options)),
      store_(ports.database),
      directory_(store_, ports.coherence, options_.caches),
      hasher_(ports.hashing, options_.argon2),
      keys_(ports.database, store_, ports.clock, ports.tokens,
            {options_.issuer, options_.signing_key_lifetime, kKeysVerifyFor + options_.access_token_ttl}),
      revocations_([this](RevokedSession last) { return list_revoked(last); }, ports.clock,
                   options_.access_token_ttl + kClockDifference),
      post_office_(ports.database, store_, ports.mailer, ports.clock, ports.ids),
      throttle_(ports.cache, ports.clock),
      auth_({ports.database, store_, ports.ids, ports.clock, ports.outbox, hasher_, keys_, revocations_, post_office_,
             throttle_},
            auth_options(options_)),
      users_({ports.database, store_, directory_, ports.ids, ports.clock, ports.outbox, throttle_, ports.coherence},
             user_options(options_)),
      internal_(store_, keys_) {
    // What is kept is dropped right after each commit; this is for a commit whose outcome its request never learned (the database's
    // answer was lost), and for a process that ended before it could tell the others.
    const auto hidden = [](const auto& event) {
        return cache::Changes{{kHiddenKind, {event.user_id.value, event.blocked_id.value}}};
    };
    ports_.consumers.on_change<Blocked>("user.caches", ports_.coherence, hidden);
    ports_.consumers.on_change<Unblocked>("user.caches", ports_.coherence, hidden);
    const auto card = [](const ProfileChanged& event) { return cache::Changes{{kCardKind, {event.user_id.value}}}; };
    ports_.consumers.on_change<ProfileChanged>("user.caches", ports_.coherence, card);
}

Task<SessionRevocations::Page> Module::list_revoked(RevokedSession last) {
    auto sessions = co_await store_.list_revoked(last, kMaxRevokedInAnswer);
    const bool has_more = sessions.size() == kMaxRevokedInAnswer;
    co_return SessionRevocations::Page{std::move(sessions), has_more};
}

std::vector<sql::Migration> Module::migrations() {
    std::vector<sql::Migration> all = outbox::migrations();
    all.push_back({"platform/node_lease", sql::kNodeLeaseSchema});
    for (const auto& [name, text] : kMigrations) all.push_back({"user/" + std::string(name), text});
    return all;
}

void Module::add_routes(http::Router& router) { user::add_routes(router, auth_, users_); }

void Module::describe_routes(http::Router& router) {
    http::StandIn<AuthService> auth;
    http::StandIn<UserService> users;
    user::add_routes(router, auth.get(), users.get());
}

void Module::add_internal_routes(http::Router& router, const http::InternalTokens& tokens) {
    user::add_internal_routes(router, internal_, tokens);
}

Task<void> Module::load() {
    co_await revocations_.load();
    co_await keys_.refresh();
}

Task<void> Module::maintain() {
    // Revocations first: each second without them is one in which an ended session lives on here.
    co_await keep_up("user: revocations", revocations_.load());
    co_await keep_up("user: signing keys", keys_.refresh());
    co_await keep_up("user: waiting mail", post_office_.send_due());
    co_await keep_up("user: what has expired", prune());
}

Task<void> Module::prune() {
    const Time now = ports_.clock.now();
    if (now < pruned_at_ + kPruneEvery) co_return;
    const Time revoked_before = now - (options_.access_token_ttl + kRevokedKept);
    if (co_await store_.prune(now, revoked_before, kPruneTime)) pruned_at_ = now;
}

}  // namespace guildhall::user
