#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "app/config/config.hpp"
#include "app/engines.hpp"
#include "app/neighbours.hpp"
#include "platform/service/base.hpp"
#include "services/connection/module.hpp"
#include "services/post/module.hpp"
#include "services/user/module.hpp"

namespace guildhall::app {

/// What the services offer each other in this process: of a service that runs here the object itself, of another one a
/// client. The modules are made in the order of the table of services, and each finds here what it needs.
class Wiring {
public:
    /// `base_of` gives the base of a service that runs here. All of it outlives this.
    Wiring(const Config& config, Engines& engines, Neighbours& neighbours,
           std::function<const service::Base&(std::string_view service)> base_of);

    const Config& config() const { return config_; }
    Engines& engines() { return engines_; }

    /// What the services offer.
    user::Directory& directory();
    connection::Network& network();
    connection::Degrees& degrees();
    const http::Revocations& revocations();

    /// The directory of the user service that runs here.
    user::MemberDirectory& own_directory();

    // The modules that run here, each from when it is made.
    user::Module* users = nullptr;
    connection::Module* connections = nullptr;
    post::Module* posts = nullptr;

private:
    const Config& config_;
    Engines& engines_;
    Neighbours& neighbours_;
    const std::function<const service::Base&(std::string_view)> base_of_;
    std::optional<user::MemberDirectory> own_directory_;
};

}  // namespace guildhall::app
