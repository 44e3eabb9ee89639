#include "app/service_database.hpp"

#include <array>
#include <utility>

#include "platform/sql/postgres.hpp"
#include "platform/sql/sqlite.hpp"

namespace guildhall::app {

std::span<const std::string> services_with_database() {
    static const std::array<std::string, 3> names{"user", "connection", "post"};
    return names;
}

std::unique_ptr<sql::Database> open_database(const Config& config, const std::string& service) {
    if (config.sql.engine == "postgres") {
        sql::PostgresOptions options;
        options.dsn = config.sql.dsn;
        options.schema = service;
        options.connections_per_thread = config.sql.connections_per_thread;
        options.statement_deadline = config.sql.statement_deadline;
        return sql::open_postgres(std::move(options));
    }
    sql::SqliteOptions options;
    options.file = config.data_dir / (service + ".db");
    options.max_waiting_writes = config.sql.max_waiting_writes;
    options.cache_bytes = config.sql.page_cache_bytes;
    return sql::open_sqlite(std::move(options));
}

}  // namespace guildhall::app
