#include "app/service_database.hpp"

#include <array>
#include <atomic>
#include <utility>

#include "platform/sql/postgres.hpp"
#include "platform/sql/sqlite.hpp"

namespace guildhall::app {

std::span<const std::string> services_with_database() {
    static const std::array<std::string, 3> names{"user", "connection", "post"};
    return names;
}

namespace {

/// Of a process that does not hear what others write. With Redis there may be others.
std::shared_ptr<sql::RecentWrites> unheard_writes(const Config& config) {
    static const std::atomic<bool> is_live{false};
    auto writes = std::make_shared<sql::RecentWrites>();
    if (!config.redis.url.empty()) writes->share({}, is_live);
    return writes;
}

}  // namespace

std::unique_ptr<sql::Database> open_database(const Config& config, const std::string& service, ReplicaPorts ports) {
    if (config.sql.engine == "postgres") {
        sql::PostgresOptions options;
        options.dsn = config.sql.dsn;
        options.schema = service;
        options.connections_per_thread = config.sql.connections_per_thread;
        options.statement_deadline = config.sql.statement_deadline;
        options.replicas = config.sql.replicas;
        if (!options.replicas.empty())
            options.recent_writes = ports.recent_writes ? std::move(ports.recent_writes) : unheard_writes(config);
        options.on_primary_back = std::move(ports.on_primary_back);
        return sql::open_postgres(std::move(options));
    }
    sql::SqliteOptions options;
    options.file = config.data_dir / (service + ".db");
    options.max_waiting_writes = config.sql.max_waiting_writes;
    options.cache_bytes = config.sql.page_cache_bytes;
    return sql::open_sqlite(std::move(options));
}

}  // namespace guildhall::app
