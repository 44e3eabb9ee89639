#include "services/connection/module.hpp"

#include <string>

#include "platform/http/idempotency.hpp"
#include "platform/http/stand_in.hpp"
#include "platform/sql/node_lease.hpp"
#include "services/connection/connection_consumers.hpp"
#include "services/connection/connection_routes.hpp"
#include "services/connection/migrations.hpp"

namespace guildhall::connection {
namespace {

constexpr std::chrono::hours kPruneEvery{1};

}  // namespace

Module::Module(Ports ports, Options options)
    : ports_(ports),
      store_(ports.database),
      member_store_(ports.database),
      follow_store_(ports.database),
      check_store_(ports.database),
      network_(store_, ports.coherence, options.max_list_bytes),
      cached_members_(member_store_, ports.coherence, options.max_members),
      service_({store_, member_store_, follow_store_, network_, cached_members_, ports.coherence, ports.ids,
                ports.clock, ports.outbox, ports.directory},
               options.limits),
      follows_(store_, follow_store_, member_store_, ports.coherence, ports.outbox, ports.directory, options.limits),
      members_(member_store_, cached_members_, ports.coherence, ports.outbox, ports.directory),
      keeper_({ports.graph, ports.own_graph, store_, member_store_, check_store_, members_, ports.directory,
               ports.coherence, ports.ids, ports.clock}),
      graph_({ports.graph, keeper_, store_, member_store_, cached_members_, network_, ports.directory, ports.clock}),
      internal_(store_, graph_) {
    network_.ask_degrees_of(graph_);
    add_connection_consumers(ports.consumers, service_, ports.coherence);
    add_graph_consumers(ports.consumers, members_, keeper_);
    add_live_notices(ports.consumers, ports.directory, ports.channel);
}

std::vector<sql::Migration> Module::migrations() {
    std::vector<sql::Migration> all = outbox::migrations();
    all.push_back({"platform/node_lease", sql::kNodeLeaseSchema});
    all.push_back({"platform/idempotency", http::kIdempotencySchema});
    for (const auto& [name, text] : kMigrations) all.push_back({"connection/" + std::string(name), text});
    return all;
}

void Module::add_routes(http::Router& router) {
    add_connection_routes(router, {service_, follows_, members_, graph_, ports_.database});
}

void Module::describe_routes(http::Router& router) {
    http::StandIn<ConnectionService> service;
    http::StandIn<FollowService> follows;
    http::StandIn<MemberService> members;
    http::StandIn<GraphService> graph;
    http::StandIn<sql::Database> keys;
    add_connection_routes(router, {service.get(), follows.get(), members.get(), graph.get(), keys.get()});
}

void Module::add_internal_routes(http::Router& router, const http::InternalTokens& tokens) {
    connection::add_internal_routes(router, internal_, tokens);
}

Task<void> Module::maintain() {
    const Time now = ports_.clock.now();
    if (now < pruned_at_ + kPruneEvery) co_return;
    const bool is_done = co_await http::prune_idempotency_keys(ports_.database, now);
    if (is_done && co_await ports_.consumers.prune()) pruned_at_ = now;
}

}  // namespace guildhall::connection
