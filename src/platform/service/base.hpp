#pragma once

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::service {

/// What every service stands on. Foundation makes it; it outlives the service.
struct Base {
    sql::Database& database;
    IdGenerator& ids;
    const Clock& clock;
    outbox::Outbox& outbox;
    cache::Coherence& coherence;
};

}  // namespace guildhall::service
