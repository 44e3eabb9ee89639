#include "services/connection/public/network_client.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "services/connection/public/cache_kinds.hpp"
#include "services/connection/public/internal_api.hpp"

namespace guildhall::connection {
namespace {

bool is_ascending(const Ids& ids) { return std::ranges::is_sorted(ids); }

}  // namespace

NetworkClient::NetworkClient(http::ServiceClient service, cache::Coherence& coherence, const Options& options)
    : service_(std::move(service)),
      circles_(options.max_bytes, options.ttl, weight_of, options.now, coherence.live()),
      circles_registration_(cache::keep_coherent(coherence, kListKind, circles_)) {}

Task<Circle> NetworkClient::circle_of(UserId user) {
    if (!user) {
        const auto none = std::make_shared<const Ids>();
        co_return Circle{none, none};
    }
    if (const auto warm = circles_.find(user)) co_return *warm;
    const auto ticket = circles_.ticket(user);
    const ConnectionsQuestion question{user};
    auto [answer, is_cacheable] = co_await service_.ask_to_cache<ConnectionsAnswer>("connections", user, question);
    if (!is_ascending(answer.ids) || (answer.followed && !is_ascending(*answer.followed)))
        throw Unavailable("connection connections: not in order");
    auto circle = std::make_shared<Circle>();
    circle->connections = std::make_shared<const Ids>(std::move(answer.ids));
    circle->followed = answer.followed ? std::make_shared<const Ids>(std::move(*answer.followed)) : circle->connections;
    if (is_cacheable) circles_.put(user, circle, ticket);
    co_return *circle;
}

Task<std::shared_ptr<const Ids>> NetworkClient::connections_of(UserId user) {
    auto circle = co_await circle_of(user);
    co_return std::move(circle.connections);
}

std::shared_ptr<const Ids> NetworkClient::cached_connections_of(UserId user) {
    const auto circle = circles_.find(user);
    return circle ? circle->connections : nullptr;
}

Task<DegreeList> NetworkClient::degrees(UserId viewer, std::vector<UserId> members) {
    DegreeList degrees(members.size());
    try {
        const auto connections = co_await connections_of(viewer);
        degrees = first_degrees(viewer, *connections, members);
        DegreesQuestion question;
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < members.size(); ++i) {
            if (degrees[i]) continue;
            question.ids.items.push_back(members[i]);
            places.push_back(i);
        }
        if (places.empty()) co_return degrees;
        const auto answer = co_await service_.ask<DegreesAnswer>("degrees", viewer, question);
        if (answer.degrees.size() != places.size()) throw Unavailable("connection degrees: not as many as asked");
        for (std::size_t i = 0; i < places.size(); ++i) degrees[places[i]] = answer.degrees[i];
    } catch (const Unavailable& failure) {
        spdlog::debug("degrees: {}", failure.what());
    }
    co_return degrees;
}

}  // namespace guildhall::connection
