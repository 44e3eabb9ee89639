#include "services/connection/cached_network.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "services/connection/public/kept.hpp"

namespace guildhall::connection {
namespace {

/// Members whose lists one statement reads: bounds the memory that an answer takes.
constexpr std::size_t kListsInStatement = 16;

}  // namespace

CachedNetwork::CachedNetwork(ConnectionStore& store, cache::Coherence& coherence, std::size_t max_bytes)
    : store_(store),
      lists_(
          max_bytes, [](const Ids& ids) { return sizeof(Ids) + ids.capacity() * sizeof(UserId); }, coherence.live()),
      kept_lists_(cache::keep_coherent(coherence, kListKind, lists_)) {}

Task<std::shared_ptr<const Ids>> CachedNetwork::connections_of(UserId user) {
    if (auto cached = lists_.find(user)) co_return cached;
    const auto ticket = lists_.ticket(user);
    auto ids = std::make_shared<const Ids>(co_await store_.list_peers(user));
    lists_.put(user, ids, ticket);
    co_return ids;
}

Task<std::vector<std::shared_ptr<const Ids>>> CachedNetwork::connections_of_all(std::vector<UserId> users) {
    std::vector<std::shared_ptr<const Ids>> lists(users.size());
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < users.size(); ++i) {
        lists[i] = lists_.find(users[i]);
        if (!lists[i]) missing.push_back(i);
    }
    std::span<const std::size_t> rest = missing;
    while (!rest.empty()) {
        const auto places = rest.first(std::min(rest.size(), kListsInStatement));
        rest = rest.subspan(places.size());
        std::vector<UserId> asked;
        std::vector<cache::Local<UserId, Ids>::Ticket> tickets;
        for (const std::size_t place : places) {
            asked.push_back(users[place]);
            tickets.push_back(lists_.ticket(users[place]));
        }
        auto read = co_await store_.list_peers_of(std::move(asked));
        for (std::size_t i = 0; i < places.size(); ++i) {
            auto& list = lists[places[i]];
            list = std::make_shared<const Ids>(std::move(read[i]));
            lists_.put(users[places[i]], list, tickets[i]);
        }
    }
    co_return lists;
}

}  // namespace guildhall::connection
