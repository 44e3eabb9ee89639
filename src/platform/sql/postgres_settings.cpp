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

/// Written into SQL and into the options as it is.
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

void set_parameter(PostgresSettings::Parameters& parameters, const std::string& name, std::string value) {
    for (auto& [key, old] : parameters) {
        if (key == name) {
            old = std::move(value);
            return;
        }
    }
    parameters.emplace_back(name, std::move(value));
}

PostgresSettings::PostgresSettings(PostgresOptions options) : options_(std::move(options)) {
    if (!is_schema_name(options_.schema)) {
        throw std::invalid_argument("the PostgreSQL schema must be a lower-case name: \"" + options_.schema + "\"");
    }
    char* error = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
        PQconninfoParse(options_.dsn.c_str(), &error), PQconninfoFree);
    if (!parsed) {
        PQfreemem(error);  // not repeated: it may quote the password
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
    set_default("gssencmode", "disable");           // asking for Kerberos costs a round trip
    set_default("tcp_user_timeout", statement_ms);  // a vanished peer is noticed
    set_parameter(parameters_, "client_encoding", "UTF8");
    set_parameter(parameters_, "options",
                  find_parameter(parameters_, "options") + " -c search_path=" + options_.schema + ",public" +
                      " -c statement_timeout=" + statement_ms +
                      " -c idle_in_transaction_session_timeout=60000 -c jit=off");
    find_names();
}

void PostgresSettings::find_names() {
    const auto host = find_parameter(parameters_, "host");
    if (host.empty() || !find_parameter(parameters_, "hostaddr").empty()) return;
    const auto hosts = split(host);
    const auto ports = split(find_parameter(parameters_, "port"));
    if (ports.size() != 1 && ports.size() != hosts.size())
        throw std::invalid_argument("the PostgreSQL connection string must name one port, or one for each host");
    if (std::ranges::none_of(hosts, is_name)) return;
    for (std::size_t i = 0; i < hosts.size(); ++i)
        names_.emplace_back(hosts[i], ports.size() == 1 ? ports[0] : ports[i]);
}

}  // namespace guildhall::sql
