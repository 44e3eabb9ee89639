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
      network_(store_, ports.coherence, options.max_list_bytes),
      service_(store_, network_, ports.coherence, ports.ids, ports.clock, ports.outbox, ports.directory),
      internal_(store_) {
    add_connection_consumers(ports.consumers, service_, ports.coherence);
    add_live_notices(ports.consumers, ports.directory, ports.channel);
}

std::vector<sql::Migration> Module::migrations() {
    std::vector<sql::Migration> all = outbox::migrations();
    all.push_back({"platform/node_lease", sql::kNodeLeaseSchema});
    all.push_back({"platform/idempotency", http::kIdempotencySchema});
    for (const auto& [name, text] : kMigrations) all.push_back({"connection/" + std::string(name), text});
    return all;
}

void Module::add_routes(http::Router& router) { add_connection_routes(router, service_, ports_.database); }

void Module::describe_routes(http::Router& router) {
    http::StandIn<ConnectionService> service;
    http::StandIn<sql::Database> keys;
    add_connection_routes(router, service.get(), keys.get());
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
