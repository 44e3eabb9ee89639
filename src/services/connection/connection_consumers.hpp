#pragma once

#include "platform/cache/coherence.hpp"
#include "platform/outbox/consumer.hpp"
#include "services/connection/connection_service.hpp"

namespace guildhall::connection {

/// What this service does on events; before Consumers::subscribe().
void add_connection_consumers(outbox::Consumers& consumers, ConnectionService& service, cache::Coherence& coherence);

}  // namespace guildhall::connection
