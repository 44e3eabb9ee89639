#include "platform/sql/postgres_settings.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include <boost/asio/ip/address.hpp>
#include <libpq-fe.h>

namespace guildhall::sql {
namespace {

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts(1);
    for (const char c : list) {
        if (c == ',') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

bool is_name(const std::string& host) {
    if (host.empty() || host[0] == '/' || host[0] == '@') return false;
    boost::system::error_code error;
    boost::asio::ip::make_address(host, error);
    return error.failed();
}

/// The name of a schema is written into SQL and into the options without quoting.
bool is_schema_name(const std::string& name) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= 63 && !(name[0] >= '0' && name[0] <= '9') &&
           std::ranges::all_of(name, allowed);
}

}  // namespace

std::string find_parameter(const PostgresSettings::Parameters& parameters, const std::string& name) {
    for (const auto& [key, value] : parameters) {
        if (key == name) return value;
    }
    return {};
}

std::string host_of(const PostgresSettings::Parameters& server) {
    const auto host = find_parameter(server, "host");
    const auto address = find_parameter(server, "hostaddr");
    const auto port = find_parameter(server, "port");
    return host + (address.empty() || address == host ? "" : " (" + address + ")") + (port.empty() ? "" : ":" + port);
}

void set_parameter(PostgresSettings::Parameters& parameters, const std::string& name, std::string value) {
    for (auto& [key, old] : parameters) {
        if (key == name) {
            old = std::move(value);
            return;
        }
    }
    parameters.emplace_back(name, std::move(value));
}

PostgresSettings::PostgresSettings(PostgresOptions options, PostgresRole role) : options_(std::move(options)) {
    if (!is_schema_name(options_.schema)) {
        throw std::invalid_argument("the PostgreSQL schema must be a lower-case name: \"" + options_.schema + "\"");
    }
    char* error = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
        PQconninfoParse(options_.dsn.c_str(), &error), PQconninfoFree);
    if (!parsed) {
        PQfreemem(error);  // not quoted: it may contain the password
        throw std::invalid_argument("the PostgreSQL connection string is malformed");
    }
    for (auto* option = parsed.get(); option->keyword; ++option) {
        if (option->val) parameters_.emplace_back(option->keyword, option->val);
    }

    const auto set_default = [this](const std::string& name, const std::string& value) {
        if (find_parameter(parameters_, name).empty()) set_parameter(parameters_, name, value);
    };
    const auto statement_ms = std::to_string(options_.statement_deadline.count());
    set_default("application_name", "guildhall");
    set_default("gssencmode", "disable");           // the request for Kerberos costs a round trip
    set_default("tcp_user_timeout", statement_ms);  // detects a vanished peer
    set_parameter(parameters_, "client_encoding", "UTF8");
    set_parameter(parameters_, "options",
                  find_parameter(parameters_, "options") + " -c search_path=" + options_.schema + ",public" +
                      " -c statement_timeout=" + statement_ms +
                      " -c idle_in_transaction_session_timeout=60000 -c jit=off");
    // A former primary that is a standby now must not be used as the primary.
    if (role == PostgresRole::primary) set_default("target_session_attrs", "read-write");
    find_hosts();
}

void PostgresSettings::find_hosts() {
    const auto names = split(find_parameter(parameters_, "host"));
    const auto addresses = split(find_parameter(parameters_, "hostaddr"));
    const auto ports = split(find_parameter(parameters_, "port"));
    const auto count = std::max(names.size(), addresses.size());
    const auto fits = [count](const std::vector<std::string>& list) {
        return list.size() == 1 || list.size() == count;
    };
    if (!fits(names) || !fits(addresses) || !fits(ports))
        throw std::invalid_argument("the PostgreSQL connection string must name one port, or one for each host");
    const auto at = [](const std::vector<std::string>& list, std::size_t i) {
        return list.size() == 1 ? list[0] : list[i];
    };
    for (std::size_t i = 0; i < count; ++i) {
        Host host{at(names, i), at(addresses, i), at(ports, i)};
        host.is_name = host.address.empty() && is_name(host.name);
        hosts_.push_back(std::move(host));
    }
}

}  // namespace guildhall::sql
