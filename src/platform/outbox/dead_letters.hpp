#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "platform/bus/envelope.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// Identifies a dead letter of a service. An event can be a dead letter of several consumers.
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

/// At most `limit` dead letters of one service, by consumer and event, starting after `after` (default: from the
/// first).
Task<std::vector<DeadLetter>> list_dead_letters(sql::Database& database, DeadLetterKey after, std::size_t limit);

/// Moves a dead letter back to the outbox of the service in one transaction, for its consumer only, which then handles
/// it like a new event. Any relay of the service publishes it, within seconds or when one starts. Newer events of its
/// subject have been handled before. Errors: not_found when there is no such dead letter.
Task<Result<DeadLetterKey>> replay_dead_letter(sql::Database& database, DeadLetterKey key);

}  // namespace guildhall::outbox
