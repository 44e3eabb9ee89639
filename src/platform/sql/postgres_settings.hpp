#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "platform/sql/postgres.hpp"

namespace guildhall::sql {

/// What a server is used for. As the primary only one that takes writes will do, unless the DSN says otherwise.
enum class PostgresRole : std::uint8_t { primary, replica };

/// What connections of one database are opened with: the parameters of the DSN and our own.
class PostgresSettings {
public:
    using Parameters = std::vector<std::pair<std::string, std::string>>;

    /// A host of the DSN; what it does not say is empty.
    struct Host {
        std::string name;
        std::string address;
        std::string port;
        /// A name must be looked up first: libpq would block the thread for that.
        bool is_name = false;
    };

    /// Throws std::invalid_argument when the DSN or the name of the schema is malformed.
    explicit PostgresSettings(PostgresOptions options, PostgresRole role = PostgresRole::primary);

    const PostgresOptions& options() const { return options_; }
    const Parameters& parameters() const { return parameters_; }
    /// At least one; the one to try first is preferred().
    const std::vector<Host>& hosts() const { return hosts_; }
    std::size_t preferred() const { return preferred_.load(std::memory_order_relaxed); }
    /// A connection was made to this one.
    void prefer(std::size_t host) const { preferred_.store(host, std::memory_order_relaxed); }

private:
    void find_hosts();

    PostgresOptions options_;
    Parameters parameters_;
    std::vector<Host> hosts_;
    mutable std::atomic<std::size_t> preferred_{0};
};

/// The value of a parameter, empty when it is not set.
std::string find_parameter(const PostgresSettings::Parameters& parameters, const std::string& name);
/// The host and port in the parameters of one server, to be told apart and logged by.
std::string host_of(const PostgresSettings::Parameters& server);
/// Sets or replaces a parameter.
void set_parameter(PostgresSettings::Parameters& parameters, const std::string& name, std::string value);

}  // namespace guildhall::sql
