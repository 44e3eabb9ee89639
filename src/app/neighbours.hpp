#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/config.hpp"
#include "app/engines.hpp"
#include "platform/async/task_group.hpp"
#include "platform/service/dependency.hpp"
#include "services/connection/public/network_client.hpp"
#include "services/user/public/directory_client.hpp"
#include "services/user/public/sessions_client.hpp"

namespace guildhall::app {

/// The services of other processes, as far as those of this one ask them.
class Neighbours {
public:
    Neighbours(const Config& config, Engines& engines);

    /// Null when the service runs here, or nobody here asks it.
    user::DirectoryClient* directory() { return directory_ ? &*directory_ : nullptr; }
    user::SessionsClient* sessions() { return sessions_ ? &*sessions_ : nullptr; }
    connection::NetworkClient* network() { return network_ ? &*network_ : nullptr; }

    /// What /readyz asks of them.
    std::vector<service::Dependency> dependencies();
    /// Every second: learns of ended sessions and new keys, lets go of what is too old.
    Task<void> maintain();
    /// Waits at most `limit` for what dependencies() still ask; the number of questions left. Quick after the stop of
    /// the client.
    std::size_t wait(std::chrono::milliseconds limit) { return asking_.wait(limit); }

private:
    http::ServiceClient client_of(std::string_view service, std::string peer = {}) const;
    Task<bool> answers(std::string service);
    Task<bool> is_alive(std::string service, std::string url);

    const Config& config_;
    Engines& engines_;
    const std::string name_;  // who asks
    std::optional<user::DirectoryClient> directory_;
    std::optional<user::SessionsClient> sessions_;
    std::optional<connection::NetworkClient> network_;
    TaskGroup asking_;
};

}  // namespace guildhall::app
