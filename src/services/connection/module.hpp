#pragma once

#include <vector>

#include "platform/service/base.hpp"
#include "platform/service/module.hpp"
#include "services/connection/cached_network.hpp"
#include "services/connection/connection_options.hpp"
#include "services/connection/connection_service.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/follow_service.hpp"
#include "services/connection/graph/graph_engine.hpp"
#include "services/connection/graph/graph_keeper.hpp"
#include "services/connection/graph/graph_service.hpp"
#include "services/connection/internal_routes.hpp"
#include "services/connection/member_service.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// The connection service of this process.
class Module final : public service::Module {
public:
    /// What it needs of other services.
    struct Needs {
        user::Directory& directory;
    };
    Module(const service::Base& base, Needs needs, const Options& options);

    static service::Definition definition();

    void add_routes(http::Router& router) override;
    void add_internal_routes(http::Router& router, const http::InternalTokens& tokens) override;
    void add_consumers(outbox::Bindings& consumers) override;

    /// Reads the snapshot of an own graph.
    Task<void> load() override;
    /// What the graph asks for.
    std::vector<service::Upkeep> upkeep() override;
    std::vector<service::Dependency> dependencies() override;
    void stop() override;
    /// Writes the snapshot of an own graph.
    void close() override;

    Network& network() { return network_; }
    Degrees& degrees() { return graph_; }
    /// For import.
    ConnectionService& service() { return service_; }
    FollowService& follows() { return follows_; }
    /// For tests.
    GraphKeeper& graph_keeper() { return keeper_; }
    GraphEngine& graph_engine() { return engine_; }

private:
    GraphEngine engine_;
    ConnectionStore store_;
    MemberStore member_store_;
    FollowStore follow_store_;
    GraphCheckStore check_store_;
    CachedNetwork network_;
    CachedMembers cached_members_;
    MemberService members_;
    GraphKeeper keeper_;
    GraphService graph_;
    ConnectionService service_;
    FollowService follows_;
    InternalApi internal_;
};

}  // namespace guildhall::connection
