#pragma once

#include "platform/bus/bus.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/outbox/bindings.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// The consumers of one service: subscribes what is bound and brings about its effects. An event whose data cannot be
/// read, or whose effect failed five times, goes to the dead letters of the service, and the rest goes on. A database
/// that is unavailable is not a failed try: the relay brings the events again.
class Consumers : public Bindings {
public:
    /// `database` holds the inbox and the dead letters; `coherence` reaches those who keep what events change.
    Consumers(sql::Database& database, const Clock& clock, cache::Coherence& coherence)
        : database_(database), clock_(clock), coherence_(coherence) {}

    /// Subscribes what was bound. Once, after the last on(), before the relays start. This object outlives the bus's
    /// last delivery.
    void subscribe(bus::Bus& bus);

    /// Deletes inbox rows older than eight days (events are never relayed that late: dead letters hold them) and dead
    /// letters older than 90, in batches. Call daily; when it gives false, time ran out before all were deleted: then
    /// soon again.
    Task<bool> prune();

private:
    struct Group;

    sql::Database& database_;
    const Clock& clock_;
    cache::Coherence& coherence_;
};

}  // namespace guildhall::outbox
