#pragma once

#include "platform/outbox/bindings.hpp"
#include "services/post/feed.hpp"

namespace guildhall::post {

/// Binds what this service does on events; null: only describes it.
void add_consumers(outbox::Bindings& consumers, Feed* feed);

}  // namespace guildhall::post
