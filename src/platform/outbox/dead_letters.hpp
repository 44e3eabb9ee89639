#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "platform/bus/envelope.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// Names one dead letter of a service: an event can be one of several consumers.
struct DeadLetterKey {
    std::string consumer;
    bus::EventId event_id;
};

/// An event that `event.consumer` could not handle.
struct DeadLetter {
    bus::Envelope event;
    std::string error;  // of the last try; at most 500 bytes
    Time at;            // of the last try
};

/// The dead letters of one service by consumer and event, from the one after `after` (default: from the first), at most `limit`.
Task<std::vector<DeadLetter>> list_dead_letters(sql::Database& database, DeadLetterKey after, std::size_t limit);

/// Takes a dead letter back into the service's outbox, for its consumer alone, which then tries it as if it had never come: one transaction. Any
/// relay of the service brings it, at once or when one starts. By then newer events of its subject have been handled.
/// Errors: not_found when there is none.
Task<Result<DeadLetterKey>> replay_dead_letter(sql::Database& database, DeadLetterKey key);

}  // namespace guildhall::outbox
