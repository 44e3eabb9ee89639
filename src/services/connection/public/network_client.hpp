#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "platform/cache/expiring.hpp"
#include "platform/http/service_client.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// The Network of another process. Lists are kept for a short time, so an answer may be older than the truth by Options::ttl when no event comes; with
/// events (forget) by their delay. Thread-safe.
class NetworkClient final : public Network {
public:
    /// How long and how much of it is kept.
    struct Options {
        std::chrono::milliseconds ttl{5'000};
        std::size_t max_bytes = 32 << 20;
        std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;  // for tests
    };
    explicit NetworkClient(http::ServiceClient service) : NetworkClient(std::move(service), Options{}) {}
    NetworkClient(http::ServiceClient service, const Options& options);

    /// Asks the list that is kept here; when neither is, that of `a` is read, so put the member who comes again first.
    Task<bool> are_connected(UserId a, UserId b) override;
    Task<std::shared_ptr<const Ids>> connections_of(UserId user) override;
    std::shared_ptr<const Ids> cached_connections_of(UserId user) override { return lists_.find(user); }

    /// On connection.accepted and connection.removed.
    void forget(UserId one, UserId other) {
        lists_.invalidate(one);
        lists_.invalidate(other);
    }
    /// Lets go of what has expired; now and then.
    void expire() { lists_.expire(); }

private:
    http::ServiceClient service_;
    cache::Expiring<UserId, Ids> lists_;
};

}  // namespace guildhall::connection
