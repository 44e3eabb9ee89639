#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/http/internal_token.hpp"
#include "platform/http/router.hpp"
#include "platform/outbox/bindings.hpp"
#include "platform/service/dependency.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::service {

/// A service as every process of the network knows it, whether it runs there or not.
struct Definition {
    std::string_view name;                          // "post": of its database, of its routes, in the configuration
    std::vector<sql::Migration> migrations;         // of its own tables, in order
    void (*describe_routes)(http::Router&);         // binds its public routes so that none can be called
    void (*describe_consumers)(outbox::Bindings&);  // binds its consumers so that none can be called
};

/// The migrations of `service` from the files that the build embeds (kMigrations).
std::vector<sql::Migration> migrations_of(std::string_view service,
                                          std::span<const std::pair<std::string_view, std::string_view>> files);

/// All migrations of a service: those of the tables that the platform keeps in every service's database (outbox, inbox,
/// dead letters, node numbers, idempotency keys), then its own.
std::vector<sql::Migration> all_migrations(const Definition& definition);

/// The consumers of a service and the types of events that each wants. Other processes rely on it.
std::vector<bus::Wanted> wanted_by(const Definition& definition);

/// Work that is done again and again beside the requests.
struct Upkeep {
    std::string name;
    std::function<Task<void>()> piece;
};

/// A service that runs in this process. Of the constructor's arguments, all outlive it.
class Module {
public:
    Module() = default;
    virtual ~Module() = default;
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// Binds the public routes of the service.
    virtual void add_routes(http::Router& router) = 0;
    /// Binds what other processes ask of it, for those who hold one of `tokens`.
    virtual void add_internal_routes(http::Router& /*router*/, const http::InternalTokens& /*tokens*/) {}
    /// Binds what it does on events.
    virtual void add_consumers(outbox::Bindings& /*consumers*/) {}

    /// Reads what must be in memory before the first request. Throws Unavailable, Corrupt.
    virtual Task<void> load() { co_return; }
    /// Does the housekeeping that is due. Called every second, never twice at once; what it throws is logged.
    virtual Task<void> maintain() { co_return; }
    /// Housekeeping that may take long, and so is called like maintain(), but each piece on its own.
    virtual std::vector<Upkeep> upkeep() { return {}; }
    /// What the service needs besides its database, for readiness.
    virtual std::vector<Dependency> dependencies() { return {}; }

    /// The process drains: housekeeping that runs ends early.
    virtual void stop() {}
    /// After the last request, event and housekeeping: the service may write down what it wants to find at the next
    /// start.
    virtual void close() {}
};

}  // namespace guildhall::service
