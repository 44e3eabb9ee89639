#pragma once

#include <memory>
#include <span>
#include <string>

#include "app/config.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::app {

/// The services that have a database.
std::span<const std::string> services_with_database();

/// Opens the database of one service: a file of the data folder, or a schema of the PostgreSQL database. Throws Unavailable.
std::unique_ptr<sql::Database> open_database(const Config& config, const std::string& service);

}  // namespace guildhall::app
