#pragma once

#include "platform/http/router.hpp"
#include "services/connection/connection_service.hpp"
#include "services/connection/follow_service.hpp"
#include "services/connection/graph/graph_service.hpp"
#include "services/connection/member_service.hpp"

namespace guildhall::connection {

/// What the routes call.
struct Routed {
    ConnectionService* connections = nullptr;
    FollowService* follows = nullptr;
    MemberService* members = nullptr;
    GraphService* graph = nullptr;
};

/// Binds the public routes of this service; with nothing given it only describes them.
void add_routes(http::Router& router, Routed to = {});

}  // namespace guildhall::connection
