#pragma once

#include <memory>

#include "platform/bus/bus.hpp"

namespace guildhall::bus {

/// The embedded bus: publish() calls every subscription of the types of the events, with one batch each, and returns
/// when all have handled it. Events that were not handled stay in the outbox, which makes them durable.
std::unique_ptr<Bus> make_memory_bus();

}  // namespace guildhall::bus
