#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "platform/cache/local.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// The Network over the store: each member's list stays in memory, least recently used out first, and is dropped after
/// the commit that changed it.
class CachedNetwork final : public Network {
public:
    CachedNetwork(ConnectionStore& store, std::size_t max_bytes)
        : store_(store),
          lists_(max_bytes, [](const Ids& ids) { return sizeof(Ids) + ids.capacity() * sizeof(UserId); }) {}

    /// Asks the list that is in memory; when neither is, that of `a` is read, so put the member who comes again first.
    Task<bool> are_connected(UserId a, UserId b) override;
    Task<std::shared_ptr<const Ids>> connections_of(UserId user) override;
    std::shared_ptr<const Ids> cached_connections_of(UserId user) override { return lists_.find(user); }

    /// The lists of several members in their order; those not in memory are read together. Never null.
    Task<std::vector<std::shared_ptr<const Ids>>> connections_of_all(std::vector<UserId> users);

    /// Call after the commit that connected or disconnected `user`. Thread-safe, quick.
    void invalidate(UserId user) { lists_.invalidate(user); }
    void invalidate(PairKey key) {
        invalidate(key.low);
        invalidate(key.high);
    }

private:
    ConnectionStore& store_;
    cache::Local<UserId, Ids> lists_;
};

}  // namespace guildhall::connection
