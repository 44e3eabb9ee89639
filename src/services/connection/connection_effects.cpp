#include <algorithm>
#include <span>
#include <utility>

#include "services/connection/connection_service.hpp"
#include "services/connection/public/events.hpp"
#include "services/connection/sort_name.hpp"

// What follows from the events of others, and the copies of names.

namespace guildhall::connection {
namespace {

constexpr std::size_t kNamesInBatch = 500;  // rows that one renaming statement changes

}  // namespace

Task<void> ConnectionService::blocked(sql::Transaction& tx, user::Blocked event) {
    if (event.user_id == event.blocked_id) co_return;
    const PairKey key = PairKey::of(event.user_id, event.blocked_id);
    Pair pair = co_await store_.lock_or_insert_pair(tx, key);
    (event.user_id == key.low ? pair.low_blocks : pair.high_blocks) = true;
    const bool has_followed = pair.is_following(key.low) || pair.is_following(key.high);
    if (pair.state == PairState::connected) {
        co_await store_.remove_connection(tx, key);
        const Disconnected disconnected{key.low, key.high, event.user_id};
        co_await outbox_.append(tx, disconnected);
    }
    if (pair.state == PairState::connected || has_followed)
        tx.after_commit([this, key] { coherence_.announce({lists_of(key)}); });
    if (pair.state == PairState::invited) {
        co_await store_.update_invitation(tx, key, pair.invitation_id, InvitationState::withdrawn);
        pair.forget_invitation();
    }
    pair.state = PairState::none;
    co_await forget_follows(tx, pair);
    co_await store_.update_pair(tx, pair);
}

Task<void> ConnectionService::unblocked(sql::Transaction& tx, user::Unblocked event) {
    const PairKey key = PairKey::of(event.user_id, event.blocked_id);
    auto pair = co_await store_.lock_pair(tx, key);
    if (!pair) co_return;
    (event.user_id == key.low ? pair->low_blocks : pair->high_blocks) = false;
    co_await store_.update_pair(tx, *pair);
}

Task<void> ConnectionService::refresh_name(UserId user) {
    const auto cards = co_await directory_.cards({user});
    if (!cards[0]) co_return;
    const std::string name = sort_name(cards[0]->name);
    const auto peers = co_await network_.connections_of(user);
    for (std::span<const UserId> rest = *peers; !rest.empty();) {
        const auto batch = rest.first(std::min(rest.size(), kNamesInBatch));
        rest = rest.subspan(batch.size());
        // Most profile changes are of something else: then nothing is written.
        const auto stale = co_await store_.list_stale_names(user, name, {batch.begin(), batch.end()});
        if (stale.empty()) continue;
        auto rename = [&](sql::Transaction& tx) -> Task<Result<void>> {
            co_await store_.rename_peer(tx, user, name, stale);
            co_return Result<void>{};
        };
        auto renamed = co_await store_.database().transact<void>(rename);
        if (!renamed) throw Corrupt("connection: renaming was refused");
    }
}

ConnectionService::Names ConnectionService::names_of(PairKey key, const user::Card& a, const user::Card& b) {
    const bool a_is_low = a.id == key.low;
    return {sort_name(a_is_low ? a.name : b.name), sort_name(a_is_low ? b.name : a.name)};
}

Task<std::optional<ConnectionService::Names>> ConnectionService::current_names(PairKey key) {
    const auto cards = co_await directory_.cards({key.low, key.high});
    if (!cards[0] || !cards[1]) co_return std::nullopt;
    co_return names_of(key, *cards[0], *cards[1]);
}

/// A name that changed between its reading and the commit of its copy was missed by refresh_name(), which did not see
/// the row yet: looks again after the commit. From then on refresh_name() sees the row.
Task<void> ConnectionService::repair_names(PairKey key, Names written) {
    for (;;) {
        const auto current = co_await current_names(key);
        if (!current || *current == written) co_return;
        auto rename = [&](sql::Transaction& tx) -> Task<Result<void>> {
            co_await store_.rename_peer(tx, key.low, current->low, {key.high});
            co_await store_.rename_peer(tx, key.high, current->high, {key.low});
            co_return Result<void>{};
        };
        auto renamed = co_await store_.database().transact<void>(rename);
        if (!renamed) co_return;
        written = *current;
    }
}

}  // namespace guildhall::connection
