#include "services/post/module.hpp"

#include <chrono>
#include <utility>

#include "platform/http/idempotency.hpp"
#include "platform/http/stand_in.hpp"
#include "platform/sql/node_lease.hpp"
#include "services/post/kept.hpp"
#include "services/post/migrations.hpp"
#include "services/post/post_routes.hpp"

namespace guildhall::post {
namespace {

constexpr std::chrono::hours kPruneEvery{1};
// Small transactions, so that no request waits long behind one.
constexpr std::size_t kPurged = 200;
constexpr std::size_t kMaxPurges = 50;  // a call

}  // namespace

Module::Module(Ports ports, Options options)
    : ports_(ports),
      store_(ports.database),
      reader_(store_, ports.directory, ports.network, ports.coherence,
              {options.max_post_bytes, options.max_reaction_bytes}),
      timelines_(store_, ports.coherence.live(), options.max_timeline_bytes),
      feed_(store_, reader_, timelines_, ports.coherence, options.max_readers),
      post_service_(store_, reader_, timelines_, feed_, ports.coherence, ports.directory, ports.ids, ports.clock,
                    ports.outbox),
      reaction_service_(store_, reader_, ports.coherence, ports.directory, ports.ids, ports.outbox),
      comment_service_(store_, reader_, ports.coherence, ports.directory, ports.ids, ports.clock, ports.outbox),
      importer_(store_, ports.coherence, ports.directory, ports.outbox),
      internal_(reader_) {
    add_consumers(ports.consumers);
}

void Module::add_routes(http::Router& router) {
    add_post_routes(router, post_service_, reaction_service_, comment_service_, ports_.database);
}

void Module::describe_routes(http::Router& router) {
    http::StandIn<PostService> posts;
    http::StandIn<ReactionService> reactions;
    http::StandIn<CommentService> comments;
    http::StandIn<sql::Database> keys;
    add_post_routes(router, posts.get(), reactions.get(), comments.get(), keys.get());
}

void Module::add_internal_routes(http::Router& router, const http::InternalTokens& tokens) {
    post::add_internal_routes(router, internal_, tokens);
}

Task<void> Module::purge() {
    for (std::size_t i = 0; i < kMaxPurges; ++i) {
        const auto reacted = co_await store_.purge(kPurged);
        if (!reacted) co_return;
        cache::Change reactions{kReactionsKind, {}};
        for (const UserId user : *reacted) reactions.ids.push_back(user.value);
        co_await ports_.coherence.changed({std::move(reactions)});
    }
}

Task<void> Module::maintain() {
    co_await purge();
    const Time now = ports_.clock.now();
    if (now < pruned_at_ + kPruneEvery) co_return;
    const bool is_done = co_await http::prune_idempotency_keys(ports_.database, now);
    if (is_done && co_await ports_.consumers.prune()) pruned_at_ = now;
}

std::vector<sql::Migration> Module::migrations() {
    std::vector<sql::Migration> all = outbox::migrations();
    all.push_back({"platform/node_lease", sql::kNodeLeaseSchema});
    all.push_back({"platform/idempotency", http::kIdempotencySchema});
    for (const auto& [name, text] : kMigrations) all.push_back({"post/" + std::string(name), text});
    return all;
}

}  // namespace guildhall::post
