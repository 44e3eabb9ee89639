#include "services/connection/connection_consumers.hpp"

#include "services/connection/public/events.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::connection {

void add_connection_consumers(outbox::Consumers& consumers, ConnectionService& service, CachedNetwork& network) {
    // One consumer for both, so that a block and its end come in order.
    consumers.on<user::Blocked>("connection.blocks", [&service](sql::Transaction& tx, const user::Blocked& event) {
        return service.blocked(tx, event);
    });
    consumers.on<user::Unblocked>("connection.blocks", [&service](sql::Transaction& tx, const user::Unblocked& event) {
        return service.unblocked(tx, event);
    });

    consumers.on_repeatable<user::ProfileChanged>("connection.names", [&service](const user::ProfileChanged& event) {
        return service.refresh_name(event.user_id);
    });

    // Lists are dropped right after each commit; this is for a commit whose outcome its own request never learned (the
    // database's answer was lost).
    consumers.on_repeatable<Connected>("connection.lists", [&network](const Connected& event) -> Task<void> {
        network.invalidate(PairKey{event.low_id, event.high_id});
        co_return;
    });
    consumers.on_repeatable<Disconnected>("connection.lists", [&network](const Disconnected& event) -> Task<void> {
        network.invalidate(PairKey{event.low_id, event.high_id});
        co_return;
    });
}

}  // namespace guildhall::connection
