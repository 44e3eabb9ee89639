#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "platform/cache/coherence.hpp"
#include "platform/cache/expiring.hpp"
#include "platform/http/service_client.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// The Network and the Degrees of another process. Lists are kept while `coherence` is live, so that they are as exact
/// as asking each time, and no longer than Options::ttl. Thread-safe.
class NetworkClient final : public Network, public Degrees {
public:
    /// How long and how much of it is kept.
    struct Options {
        std::chrono::milliseconds ttl{600'000};
        std::size_t max_bytes = 32 << 20;
        std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;  // for tests
    };
    NetworkClient(http::ServiceClient service, cache::Coherence& coherence)
        : NetworkClient(std::move(service), coherence, Options{}) {}
    NetworkClient(http::ServiceClient service, cache::Coherence& coherence, const Options& options);

    Task<std::shared_ptr<const Ids>> connections_of(UserId user) override;
    Task<Circle> circle_of(UserId user) override;
    std::shared_ptr<const Ids> cached_connections_of(UserId user) override;
    Task<DegreeList> degrees(UserId viewer, std::vector<UserId> members) override;

    /// Lets go of what has expired; now and then.
    void expire() { circles_.expire(); }

private:
    http::ServiceClient service_;
    cache::Expiring<UserId, Circle> circles_;
    const std::unique_ptr<cache::Coherence::Registration> circles_registration_;
};

}  // namespace guildhall::connection
