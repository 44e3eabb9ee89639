#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "app/config/config.hpp"
#include "platform/service/base.hpp"
#include "platform/service/module.hpp"

namespace guildhall::app {

class Wiring;

/// The service that lets members in: every process asks it for the keys of access tokens and for ended sessions.
inline constexpr std::string_view kSessionsService = "user";

/// A service of the network: what the program knows of it, besides its own folder.
struct ServiceRow {
    std::string_view name;
    std::string_view summary;             // what it offers, for the API document
    std::vector<std::string_view> needs;  // services whose interfaces it asks, wherever they run
    std::string_view without;             // what those who need it cannot do while it is unavailable
    service::Definition (*definition)();
    std::unique_ptr<service::Module> (*make)(const service::Base& base, Wiring& wiring);
};

/// The table of all services, in the order in which their modules are made.
std::span<const ServiceRow> services();

/// The row of a service; null when there is none of that name.
const ServiceRow* find_service(std::string_view name);

/// True when a service that runs here asks `name`, which does not.
bool asks_other_process(const Config::Services& here, std::string_view name);

}  // namespace guildhall::app
