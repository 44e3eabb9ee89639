#include "services/connection/cached_network.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "services/connection/public/cache_kinds.hpp"

namespace guildhall::connection {
namespace {

/// Members whose lists one statement reads: bounds the memory that an answer takes.
constexpr std::size_t kListsInStatement = 16;

}  // namespace

CachedNetwork::CachedNetwork(ConnectionStore& store, cache::Coherence& coherence, std::size_t max_bytes)
    : store_(store),
      circles_(max_bytes, weight_of, coherence.live()),
      circles_registration_(cache::keep_coherent(coherence, kListKind, circles_)) {}

Task<Circle> CachedNetwork::circle_of(UserId user) {
    if (const auto cached = circles_.find(user)) co_return *cached;
    const auto ticket = circles_.ticket(user);
    const auto circle = std::make_shared<const Circle>(co_await store_.find_circle(user));
    circles_.put(user, circle, ticket);
    co_return *circle;
}

Task<std::shared_ptr<const Ids>> CachedNetwork::connections_of(UserId user) {
    if (auto cached = cached_connections_of(user)) co_return cached;
    const Circle circle = co_await circle_of(user);
    co_return circle.connections;
}

std::shared_ptr<const Ids> CachedNetwork::cached_connections_of(UserId user) {
    const auto circle = circles_.find(user);
    return circle ? circle->connections : nullptr;
}

Task<std::vector<std::shared_ptr<const Ids>>> CachedNetwork::connections_of_all(std::vector<UserId> users) {
    std::vector<std::shared_ptr<const Ids>> lists(users.size());
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < users.size(); ++i) {
        lists[i] = cached_connections_of(users[i]);
        if (!lists[i]) missing.push_back(i);
    }
    std::span<const std::size_t> rest = missing;
    while (!rest.empty()) {
        const auto places = rest.first(std::min(rest.size(), kListsInStatement));
        rest = rest.subspan(places.size());
        std::vector<UserId> asked;
        std::vector<cache::Local<UserId, Circle>::Ticket> tickets;
        for (const std::size_t place : places) {
            asked.push_back(users[place]);
            tickets.push_back(circles_.ticket(users[place]));
        }
        auto read = co_await store_.list_circles(std::move(asked));
        for (std::size_t i = 0; i < places.size(); ++i) {
            lists[places[i]] = read[i].connections;
            circles_.put(users[places[i]], std::make_shared<const Circle>(std::move(read[i])), tickets[i]);
        }
    }
    co_return lists;
}

}  // namespace guildhall::connection
