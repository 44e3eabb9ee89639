#include "services/connection/public/network_client.hpp"

#include <algorithm>
#include <utility>

#include "services/connection/public/internal_api.hpp"
#include "services/connection/public/kept.hpp"

namespace guildhall::connection {
namespace {

std::size_t weight_of(const Ids& ids) { return sizeof ids + ids.size() * sizeof(UserId); }

}  // namespace

NetworkClient::NetworkClient(http::ServiceClient service, cache::Coherence& coherence, const Options& options)
    : service_(std::move(service)),
      lists_(options.max_bytes, options.ttl, weight_of, options.now, coherence.live()),
      kept_lists_(cache::keep_coherent(coherence, kListKind, lists_)) {}

Task<std::shared_ptr<const Ids>> NetworkClient::connections_of(UserId user) {
    if (!user) co_return std::make_shared<const Ids>();
    if (auto warm = lists_.find(user)) co_return warm;
    const auto ticket = lists_.ticket(user);
    const ConnectionsQuestion question{user};
    auto answer = co_await service_.ask<ConnectionsAnswer>("connections", user, question);
    if (!std::ranges::is_sorted(answer.ids)) throw Unavailable("connection connections: not in order");
    auto ids = std::make_shared<const Ids>(std::move(answer.ids));
    lists_.put(user, ids, ticket);
    co_return ids;
}

}  // namespace guildhall::connection
