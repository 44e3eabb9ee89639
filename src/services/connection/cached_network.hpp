#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "platform/cache/local.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// The Network over the store: each member's list stays in memory, least recently used out first, and is dropped at the
/// commit that changed it, in whatever process.
class CachedNetwork final : public Network {
public:
    CachedNetwork(ConnectionStore& store, cache::Coherence& coherence, std::size_t max_bytes);

    Task<std::shared_ptr<const Ids>> connections_of(UserId user) override;
    Task<Circle> circle_of(UserId user) override;
    std::shared_ptr<const Ids> cached_connections_of(UserId user) override;

    /// The lists of several members in their order; those not in memory are read together. Never null.
    Task<std::vector<std::shared_ptr<const Ids>>> connections_of_all(std::vector<UserId> users);

private:
    ConnectionStore& store_;
    cache::Local<UserId, Circle> circles_;
    const std::unique_ptr<cache::Coherence::Registration> circles_registration_;
};

}  // namespace guildhall::connection
