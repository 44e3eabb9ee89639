#pragma once

#include "platform/http/router.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/connection_service.hpp"

namespace guildhall::connection {

/// The routes of this service; `keys` holds the answers to Idempotency-Keys.
void add_connection_routes(http::Router& router, ConnectionService& service, sql::Database& keys);

}  // namespace guildhall::connection
