#pragma once

#include "platform/http/router.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/connection_service.hpp"
#include "services/connection/follow_service.hpp"
#include "services/connection/graph/graph_service.hpp"
#include "services/connection/member_service.hpp"

namespace guildhall::connection {

/// What the routes call; `keys` holds the answers to Idempotency-Keys.
struct Routed {
    ConnectionService& connections;
    FollowService& follows;
    MemberService& members;
    GraphService& graph;
    sql::Database& keys;
};

/// The routes of this service.
void add_connection_routes(http::Router& router, const Routed& services);

}  // namespace guildhall::connection
