#pragma once

#include "platform/outbox/bindings.hpp"
#include "services/connection/connection_service.hpp"
#include "services/connection/graph/graph_keeper.hpp"
#include "services/connection/member_service.hpp"

namespace guildhall::connection {

/// What the consumers of this service work with.
struct Consuming {
    ConnectionService* connections = nullptr;
    MemberService* members = nullptr;
    GraphKeeper* graph = nullptr;
};

/// Binds what this service does on events; with nothing given it only describes it.
void add_consumers(outbox::Bindings& consumers, Consuming with = {});

}  // namespace guildhall::connection
