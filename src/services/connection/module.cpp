#include "services/connection/module.hpp"

#include "platform/async/upkeep.hpp"
#include "services/connection/connection_consumers.hpp"
#include "services/connection/connection_routes.hpp"
#include "services/connection/migrations.hpp"

namespace guildhall::connection {

Module::Module(const service::Base& base, Needs needs, const Options& options)
    : engine_(options.graph),
      store_(base.database),
      member_store_(base.database),
      follow_store_(base.database),
      check_store_(base.database),
      network_(store_, base.coherence, options.max_list_bytes),
      cached_members_(member_store_, base.coherence, options.max_members),
      members_({member_store_, cached_members_, base.coherence, base.outbox, needs.directory}),
      keeper_({engine_.graph(), engine_.own(), store_, member_store_, check_store_, members_, needs.directory,
               base.coherence, base.ids, base.clock}),
      graph_({engine_.graph(), keeper_, store_, member_store_, cached_members_, network_, needs.directory, base.clock}),
      service_({store_, member_store_, follow_store_, network_, cached_members_, graph_, base.coherence, base.ids,
                base.clock, base.outbox, needs.directory},
               options.limits),
      follows_({store_, follow_store_, member_store_, base.coherence, base.outbox, needs.directory}, options.limits),
      internal_(store_, graph_) {}

service::Definition Module::definition() {
    return {.name = "connection",
            .migrations = service::migrations_of("connection", kMigrations),
            .describe_routes = [](http::Router& router) { connection::add_routes(router); },
            .describe_consumers = [](outbox::Bindings& consumers) { connection::add_consumers(consumers); }};
}

void Module::add_routes(http::Router& router) {
    connection::add_routes(router, {&service_, &follows_, &members_, &graph_});
}

void Module::add_internal_routes(http::Router& router, const http::InternalTokens& tokens) {
    connection::add_internal_routes(router, internal_, tokens);
}

void Module::add_consumers(outbox::Bindings& consumers) {
    connection::add_consumers(consumers, {&service_, &members_, &keeper_});
}

Task<void> Module::load() {
    engine_.load();
    // Before the first request: questions that are not compiled yet take longer than their deadline.
    co_await run_upkeep("graph: statements", engine_.warm_up());
    co_await keeper_.begin();
}

std::vector<service::Upkeep> Module::upkeep() {
    return {{"graph", [this] { return keeper_.maintain(); }},
            {"graph: statements", [this] { return engine_.warm_up(); }}};
}

std::vector<service::Dependency> Module::dependencies() {
    auto of_the_graph = engine_.dependency();
    if (!of_the_graph) return {};
    return {std::move(*of_the_graph)};
}

void Module::stop() { keeper_.stop(); }

void Module::close() {
    engine_.stop();
    engine_.save(keeper_.is_compared());
}

}  // namespace guildhall::connection
