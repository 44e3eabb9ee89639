#pragma once

#include <memory>

#include "platform/bus/bus.hpp"

namespace guildhall::bus {

/// The embedded bus: publish() calls every subscription of the events' types, one batch each, and returns when all have handled it.
/// Its durability is the outbox's: what was not handled stays there.
std::unique_ptr<Bus> make_memory_bus();

}  // namespace guildhall::bus
