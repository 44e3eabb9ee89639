#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "platform/sql/postgres.hpp"

namespace guildhall::sql {

/// What connections of one database are opened with: the parameters of the DSN and our own.
class PostgresSettings {
public:
    using Parameters = std::vector<std::pair<std::string, std::string>>;

    /// Throws std::invalid_argument when the DSN or the name of the schema is malformed.
    explicit PostgresSettings(PostgresOptions options);

    const PostgresOptions& options() const { return options_; }
    const Parameters& parameters() const { return parameters_; }
    /// Hosts with their ports, when at least one is a name that must be looked up first: libpq would block the thread for that.
    const std::vector<std::pair<std::string, std::string>>& names() const { return names_; }

private:
    void find_names();

    PostgresOptions options_;
    Parameters parameters_;
    std::vector<std::pair<std::string, std::string>> names_;
};

/// The value of a parameter, empty when it is not set.
std::string find_parameter(const PostgresSettings::Parameters& parameters, const std::string& name);
/// Sets or replaces a parameter.
void set_parameter(PostgresSettings::Parameters& parameters, const std::string& name, std::string value);

}  // namespace guildhall::sql
