#include "services/connection/connection_consumers.hpp"

#include "services/connection/public/cache_kinds.hpp"
#include "services/connection/public/events.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::connection {
namespace {

void add_connection_consumers(outbox::Bindings& consumers, ConnectionService* service) {
    // One consumer for both, so that a block and its end come in order.
    consumers.on<user::Blocked>("connection.blocks", [service](sql::Transaction& tx, const user::Blocked& event) {
        return service->blocked(tx, event);
    });
    consumers.on<user::Unblocked>("connection.blocks", [service](sql::Transaction& tx, const user::Unblocked& event) {
        return service->unblocked(tx, event);
    });

    consumers.on_repeatable<user::ProfileChanged>("connection.names", [service](const user::ProfileChanged& event) {
        return service->refresh_name(event.user_id);
    });

    // Lists are dropped right after each commit; this is for a commit whose outcome its own request never learned (the
    // database's answer was lost), and for a process that ended before it could tell the others.
    const auto lists = [](const auto& event) {
        return cache::Changes{{kListKind, {event.low_id.value, event.high_id.value}}};
    };
    consumers.on_change<Connected>("connection.lists", lists);
    consumers.on_change<Disconnected>("connection.lists", lists);
    consumers.on_change<Followed>("connection.lists", lists);
    consumers.on_change<Unfollowed>("connection.lists", lists);
    consumers.on_change<MemberChanged>("connection.cached_members", [](const MemberChanged& event) {
        return cache::Changes{{kMemberKind, {event.user_id.value}}};
    });
}

/// Keeps the graph, and what the profiles say of members, up to date.
void add_graph_consumers(outbox::Bindings& consumers, MemberService* members, GraphKeeper* graph) {
    const auto refresh = [members](const auto& event) { return members->refresh({event.user_id}); };
    consumers.on_repeatable<user::Registered>("connection.members", refresh);
    consumers.on_repeatable<user::ProfileChanged>("connection.members", refresh);

    const auto refresh_pairs = [graph](const auto& events) {
        std::vector<PairKey> keys;
        keys.reserve(events.size());
        for (const auto& event : events) keys.push_back({event.low_id, event.high_id});
        return graph->refresh(std::move(keys));
    };
    consumers.on_repeatable_together<Connected>("connection.graph", refresh_pairs);
    consumers.on_repeatable_together<Disconnected>("connection.graph", refresh_pairs);
    consumers.on_repeatable<MemberChanged>(
        "connection.graph", [graph](const MemberChanged& event) { return graph->refresh(event.user_id); });
}

}  // namespace

void add_consumers(outbox::Bindings& consumers, Consuming with) {
    add_connection_consumers(consumers, with.connections);
    add_graph_consumers(consumers, with.members, with.graph);
}

}  // namespace guildhall::connection
