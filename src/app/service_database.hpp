#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "app/config/config.hpp"
#include "platform/sql/database.hpp"
#include "platform/sql/recent_writes.hpp"

namespace guildhall::app {

/// The services that have a database.
std::span<const std::string> services_with_database();

/// What the replicas of a service's database need of the rest of the process (sql/postgres.hpp).
struct ReplicaPorts {
    std::shared_ptr<sql::RecentWrites> recent_writes;  // null: no other process tells what it writes
    std::function<void()> on_primary_back;
};

/// Opens the database of one service: a file of the data folder, or a schema of the PostgreSQL database. Where other processes may write without telling,
/// replicas are only read in the primary's place. Throws Unavailable.
std::unique_ptr<sql::Database> open_database(const Config& config, const std::string& service, ReplicaPorts ports = {});

}  // namespace guildhall::app
