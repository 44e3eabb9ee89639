#pragma once

#include <memory>
#include <string_view>

#include "app/config/config.hpp"
#include "platform/service/foundation.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::app {

/// Opens the database of one service: a file of the data folder, or a schema of the PostgreSQL database. Where other
/// processes may write without telling, replicas are only read in the primary's place. Throws Unavailable.
std::unique_ptr<sql::Database> open_database(const Config& config, std::string_view service,
                                             service::ReplicaPorts ports = {});

}  // namespace guildhall::app
