#pragma once

#include "platform/outbox/bindings.hpp"

namespace guildhall::user {

/// Binds what this service does on events.
void add_consumers(outbox::Bindings& consumers);

}  // namespace guildhall::user
