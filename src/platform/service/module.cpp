#include "platform/service/module.hpp"

#include "platform/http/idempotency.hpp"
#include "platform/sql/node_lease.hpp"

namespace guildhall::service {

std::vector<sql::Migration> migrations_of(std::string_view service,
                                          std::span<const std::pair<std::string_view, std::string_view>> files) {
    std::vector<sql::Migration> migrations;
    migrations.reserve(files.size());
    for (const auto& [name, text] : files) migrations.push_back({std::string(service).append("/").append(name), text});
    return migrations;
}

std::vector<sql::Migration> all_migrations(const Definition& definition) {
    std::vector<sql::Migration> all = outbox::migrations();
    all.push_back({"platform/node_lease", sql::kNodeLeaseSchema});
    all.push_back({"platform/idempotency", http::kIdempotencySchema});
    all.insert(all.end(), definition.migrations.begin(), definition.migrations.end());
    return all;
}

std::vector<bus::Wanted> wanted_by(const Definition& definition) {
    outbox::Bindings bindings;
    definition.describe_consumers(bindings);
    return bindings.wanted();
}

}  // namespace guildhall::service
