#include "services/post/module.hpp"

#include "services/post/migrations.hpp"
#include "services/post/post_consumers.hpp"
#include "services/post/post_routes.hpp"

namespace guildhall::post {
Module::Module(const service::Base& base, Needs needs, const Options& options)
    : posts_(base.database),
      counts_(base.database),
      reactions_(base.database),
      comments_(base.database),
      reader_({posts_, counts_, reactions_, needs.directory, needs.network, needs.degrees, base.coherence},
              {options.max_post_bytes, options.max_reaction_bytes}),
      timelines_(posts_, base.coherence.live(), options.max_timeline_bytes),
      feed_({posts_, reader_, timelines_, base.coherence}, options.max_readers),
      post_service_(
          {posts_, reader_, timelines_, feed_, base.coherence, needs.directory, base.ids, base.clock, base.outbox}),
      reaction_service_({reactions_, counts_, reader_, base.coherence, needs.directory, base.ids, base.outbox}),
      comment_service_(
          {comments_, counts_, reader_, base.coherence, needs.directory, base.ids, base.clock, base.outbox}),
      importer_({posts_, comments_, reactions_, counts_, imports_, base.coherence, needs.directory, base.outbox}),
      purger_({posts_, reactions_, comments_, base.coherence}),
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

Task<void> Module::maintain() { return purger_.run(); }

}  // namespace guildhall::post
