#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "platform/sql/postgres.hpp"

namespace guildhall::sql {

/// The use of a server. The primary must take writes, unless the DSN says otherwise.
enum class PostgresRole : std::uint8_t { primary, replica };

/// The connection parameters of one database: those of the DSN and the driver's own.
class PostgresSettings {
public:
    using Parameters = std::vector<std::pair<std::string, std::string>>;

    /// A host of the DSN. Missing parts are empty.
    struct Host {
        std::string name;
        std::string address;
        std::string port;
        /// True for a name that must be looked up first, because libpq would block the thread for that.
        bool is_name = false;
    };

    /// Throws std::invalid_argument when the DSN or the name of the schema is malformed.
    explicit PostgresSettings(PostgresOptions options, PostgresRole role = PostgresRole::primary);

    const PostgresOptions& options() const { return options_; }
    const Parameters& parameters() const { return parameters_; }
    /// At least one. preferred() is tried first.
    const std::vector<Host>& hosts() const { return hosts_; }
    std::size_t preferred() const { return preferred_.load(std::memory_order_relaxed); }
    /// Records that a connection was made to this host.
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
/// The host and port in the parameters of one server, which identify it, also in the log.
std::string host_of(const PostgresSettings::Parameters& server);
/// Sets or replaces a parameter.
void set_parameter(PostgresSettings::Parameters& parameters, const std::string& name, std::string value);

}  // namespace guildhall::sql
