#include "app/service_database.hpp"

#include <atomic>
#include <string>
#include <utility>

#include "platform/sql/postgres.hpp"
#include "platform/sql/sqlite.hpp"

namespace guildhall::app {

namespace {

/// Of a process that does not hear what others write. With Redis there may be others.
std::shared_ptr<sql::RecentWrites> unheard_writes(const Config& config) {
    static const std::atomic<bool> is_live{false};
    auto writes = std::make_shared<sql::RecentWrites>();
    if (!config.redis.url.empty()) writes->share({}, is_live);
    return writes;
}

}  // namespace

std::unique_ptr<sql::Database> open_database(const Config& config, std::string_view service,
                                             service::ReplicaPorts ports) {
    if (config.sql.engine == "postgres") {
        sql::PostgresOptions options = config.sql.postgres;
        options.schema = service;
        if (!options.replicas.empty())
            options.recent_writes = ports.recent_writes ? std::move(ports.recent_writes) : unheard_writes(config);
        options.on_primary_back = std::move(ports.on_primary_back);
        return sql::open_postgres(std::move(options));
    }
    sql::SqliteOptions options = config.sql.sqlite;
    options.file = config.data_dir / (std::string(service) + ".db");
    return sql::open_sqlite(std::move(options));
}

}  // namespace guildhall::app
