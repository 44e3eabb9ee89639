#pragma once

#include "platform/cache/coherence.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/realtime/channel.hpp"
#include "services/connection/connection_service.hpp"
#include "services/connection/graph/graph_keeper.hpp"
#include "services/connection/member_service.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// What this service does on events; before Consumers::subscribe().
void add_connection_consumers(outbox::Consumers& consumers, ConnectionService& service, cache::Coherence& coherence);

/// Keeps the graph, and what the profiles say of members, up to date.
void add_graph_consumers(outbox::Consumers& consumers, MemberService& members, GraphKeeper& graph);

/// Tells invitations and new connections to the live streams of the members that they concern.
void add_live_notices(outbox::Consumers& consumers, user::Directory& directory, realtime::Channel& channel);

}  // namespace guildhall::connection
