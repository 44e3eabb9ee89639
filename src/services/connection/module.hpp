#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/http/router.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/realtime/channel.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/cached_network.hpp"
#include "services/connection/connection_service.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/follow_service.hpp"
#include "services/connection/graph/graph_keeper.hpp"
#include "services/connection/graph/graph_service.hpp"
#include "services/connection/internal_routes.hpp"
#include "services/connection/member_service.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// What can be configured.
struct Options {
    std::size_t max_list_bytes = 64 << 20;  // of members' connections kept in memory, 8 bytes each
    std::size_t max_members = 200'000;      // of whom settings are kept in memory
    Limits limits;
};

/// The connection service, put together. Only app/ makes one.
class Module {
public:
    /// What it stands on; all of it outlives the module.
    struct Ports {
        sql::Database& database;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
        outbox::Consumers& consumers;
        user::Directory& directory;
        cache::Coherence& coherence;
        realtime::Channel& channel;
        Graph& graph;
        MemoryGraph* own_graph;  // see GraphKeeper::Parts
    };

    /// Binds the consumers; subscribe them afterwards.
    explicit Module(Ports ports, Options options = {});
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    /// The schema of this service, with the tables of the platform that it needs.
    static std::vector<sql::Migration> migrations();

    /// Adds the routes of this service.
    void add_routes(http::Router& router);
    /// Binds the routes of this service for documents only: none of them can be called.
    static void describe_routes(http::Router& router);
    /// Binds what other processes ask of it, for those who hold one of `tokens`.
    void add_internal_routes(http::Router& router, const http::InternalTokens& tokens);

    Network& network() { return network_; }
    /// For import.
    ConnectionService& service() { return service_; }
    FollowService& follows() { return follows_; }

    /// Housekeeping that is due; call every few seconds, never twice at once.
    Task<void> maintain();
    /// What the graph asks for; beside maintain(), as it can take long. stop() it before the end.
    GraphKeeper& graph_keeper() { return keeper_; }

private:
    Ports ports_;
    ConnectionStore store_;
    MemberStore member_store_;
    FollowStore follow_store_;
    GraphCheckStore check_store_;
    CachedNetwork network_;
    CachedMembers cached_members_;
    ConnectionService service_;
    FollowService follows_;
    MemberService members_;
    GraphKeeper keeper_;
    GraphService graph_;
    InternalApi internal_;
    Time pruned_at_{};
};

}  // namespace guildhall::connection
