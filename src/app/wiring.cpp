#include "app/wiring.hpp"

#include <utility>

namespace guildhall::app {

Wiring::Wiring(const Config& config, Engines& engines, Neighbours& neighbours,
               std::function<const service::Base&(std::string_view)> base_of)
    : config_(config), engines_(engines), neighbours_(neighbours), base_of_(std::move(base_of)) {}

user::MemberDirectory& Wiring::own_directory() {
    if (!own_directory_) own_directory_.emplace(base_of_("user"), config_.user.caches);
    return *own_directory_;
}

user::Directory& Wiring::directory() {
    if (auto* client = neighbours_.directory()) return *client;
    return own_directory();
}

connection::Network& Wiring::network() {
    if (auto* client = neighbours_.network()) return *client;
    return connections->network();
}

connection::Degrees& Wiring::degrees() {
    if (auto* client = neighbours_.network()) return *client;
    return connections->degrees();
}

const http::Revocations& Wiring::revocations() {
    if (auto* client = neighbours_.sessions()) return client->revocations();
    return users->revocations();
}

}  // namespace guildhall::app
