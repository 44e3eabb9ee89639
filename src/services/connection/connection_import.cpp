#include <algorithm>
#include <span>
#include <unordered_map>
#include <utility>

#include "platform/cache/transact.hpp"
#include "services/connection/connection_service.hpp"
#include "services/connection/public/cache_kinds.hpp"
#include "services/connection/public/events.hpp"
#include "services/connection/sort_name.hpp"

// Connections from outside.

namespace guildhall::connection {
namespace {

Error bad_import(std::string detail) { return {Code::unprocessable, std::move(detail), "bad_import"}; }

}  // namespace

Task<Result<std::size_t>> ConnectionService::import_connections(std::vector<ImportedConnection> connections) {
    std::ranges::sort(connections, {},
                      [](const ImportedConnection& c) { return std::pair(PairKey::of(c.a, c.b), c.connected_at); });
    const auto doubles =
        std::ranges::unique(connections, {}, [](const ImportedConnection& c) { return PairKey::of(c.a, c.b); });
    connections.erase(doubles.begin(), doubles.end());

    std::vector<PairKey> keys;
    std::vector<UserId> people;
    keys.reserve(connections.size());
    people.reserve(connections.size() * 2);
    for (const ImportedConnection& connection : connections) {
        if (connection.a == connection.b)
            co_return bad_import("member " + std::to_string(connection.a.value) + " cannot connect with themself");
        keys.push_back(PairKey::of(connection.a, connection.b));
        people.push_back(connection.a);
        people.push_back(connection.b);
    }
    std::ranges::sort(people);
    const auto repeated = std::ranges::unique(people);
    people.erase(repeated.begin(), repeated.end());

    std::unordered_map<UserId, std::string> names;
    const auto cards = co_await directory_.cards_of_all(people);
    for (std::size_t i = 0; i < people.size(); ++i) {
        if (!cards[i]) co_return bad_import("member " + std::to_string(people[i].value) + " does not exist");
        names.emplace(people[i], sort_name(cards[i]->name));
    }

    const auto connection_of = [&](const PairKey& key) -> const ImportedConnection& {
        return *std::ranges::lower_bound(connections, key, {},
                                         [](const ImportedConnection& c) { return PairKey::of(c.a, c.b); });
    };
    cache::Changes changes;
    auto insert = [&](sql::Transaction& tx) -> Task<Result<std::size_t>> {
        auto strangers = co_await store_.connect_strangers(tx, keys);
        std::ranges::sort(strangers);
        std::vector<ConnectionStore::NewConnection> rows;
        rows.reserve(strangers.size());
        for (const PairKey& key : strangers)
            rows.push_back({key, connection_of(key).connected_at, &names.at(key.low), &names.at(key.high)});
        co_await store_.insert_connections(tx, rows);
        for (const PairKey& key : strangers) {
            const Connected event{key.low, key.high, connection_of(key).a};
            co_await outbox_.append(tx, event);
        }

        std::size_t count = strangers.size();
        if (count < keys.size()) {
            for (const PairKey& key : co_await store_.list_acquainted(tx, keys)) {
                auto pair = co_await store_.lock_pair(tx, key);
                if (!pair || pair->state == PairState::connected || pair->is_blocked()) continue;
                const ImportedConnection& connection = connection_of(key);
                co_await connect(tx, *pair, connection.connected_at, {names.at(key.low), names.at(key.high)},
                                 connection.a, {});
                ++count;
            }
        }
        if (count > 0) changes = {cache::Change{kListKind, sql::ids_of(std::span<const UserId>(people))}};
        co_return count;
    };
    co_return co_await cache::transact<std::size_t>(store_.database(), coherence_, changes, insert);
}

}  // namespace guildhall::connection
