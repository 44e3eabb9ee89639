#include "services/post/module.hpp"

#include <utility>

#include "services/post/kept.hpp"
#include "services/post/migrations.hpp"
#include "services/post/post_consumers.hpp"
#include "services/post/post_routes.hpp"

namespace guildhall::post {
namespace {

// Small transactions, so that no request waits long behind one.
constexpr std::size_t kPurged = 200;
constexpr std::size_t kMaxPurges = 50;  // a call

}  // namespace

Module::Module(const service::Base& base, Needs needs, const Options& options)
    : coherence_(base.coherence),
      store_(base.database),
      reader_({store_, needs.directory, needs.network, needs.degrees, base.coherence},
              {options.max_post_bytes, options.max_reaction_bytes}),
      timelines_(store_, base.coherence.live(), options.max_timeline_bytes),
      feed_(store_, reader_, timelines_, base.coherence, options.max_readers),
      post_service_(
          {store_, reader_, timelines_, feed_, base.coherence, needs.directory, base.ids, base.clock, base.outbox}),
      reaction_service_({store_, reader_, base.coherence, needs.directory, base.ids, base.outbox}),
      comment_service_({store_, reader_, base.coherence, needs.directory, base.ids, base.clock, base.outbox}),
      importer_({store_, base.coherence, needs.directory, base.outbox}),
      internal_(reader_) {}

service::Definition Module::definition() {
    return {.name = "post",
            .migrations = service::migrations_of("post", kMigrations),
            .describe_routes = [](http::Router& router) { post::add_routes(router); },
            .describe_consumers = [](outbox::Bindings& consumers) { post::add_consumers(consumers, nullptr); }};
}

void Module::add_routes(http::Router& router) {
    post::add_routes(router, {&post_service_, &reaction_service_, &comment_service_});
}

void Module::add_internal_routes(http::Router& router, const http::InternalTokens& tokens) {
    post::add_internal_routes(router, internal_, tokens);
}

void Module::add_consumers(outbox::Bindings& consumers) { post::add_consumers(consumers, &feed_); }

Task<void> Module::maintain() {
    for (std::size_t i = 0; i < kMaxPurges; ++i) {
        const auto reacted = co_await store_.purge(kPurged);
        if (!reacted) co_return;
        cache::Change reactions{kReactionsKind, {}};
        for (const UserId user : *reacted) reactions.ids.push_back(user.value);
        co_await coherence_.changed({std::move(reactions)});
    }
}

}  // namespace guildhall::post
