#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/connection.hpp"
#include "services/connection/public/network.hpp"
#include "services/connection/sort_name.hpp"

namespace guildhall::connection {

/// The tables of the connection service. What takes a Transaction writes, the rest reads outside of one. A writer locks
/// the pair first: all else about two members follows from its row. Thread-safe; throws Unavailable.
class ConnectionStore {
public:
    explicit ConnectionStore(sql::Database& database) : database_(database) {}

    // Pairs.
    /// Locks the pair, made when absent, and gives it as it is now.
    Task<Pair> lock_or_insert_pair(sql::Transaction& tx, PairKey key);
    /// Locks the pair. Nothing when there is none: the two never had to do with each other.
    Task<std::optional<Pair>> lock_pair(sql::Transaction& tx, PairKey key);
    /// Stores everything of a pair that the transaction has locked.
    Task<void> update_pair(sql::Transaction& tx, Pair pair);
    /// The pairs of `user` with up to 100 others, in no order; one statement. Those without a row are left out.
    Task<std::vector<Pair>> list_pairs(UserId user, std::vector<UserId> others);

    /// Those of `keys` (ascending) that are connected, ascending; a statement for each lower member, in one round trip.
    Task<std::vector<PairKey>> list_connected(std::vector<PairKey> keys);

    // Connections. The pair's state says the same as the two rows.
    /// Inserts the rows of both sides.
    Task<void> insert_connection(sql::Transaction& tx, PairKey key, Time connected_at, std::string low_sort_name,
                                 std::string high_sort_name);
    Task<void> remove_connection(sql::Transaction& tx, PairKey key);
    /// All connections of `user`, and whom `user` follows.
    Task<Circle> find_circle(UserId user);
    /// The same of several members in one statement, in their order.
    Task<std::vector<Circle>> list_circles(std::vector<UserId> users);
    /// Up to `limit` connections behind `after` (from the start without one): newest first or by name; those that match
    /// `patterns`, if given.
    Task<std::vector<ConnectionRow>> list_connections(UserId user, ConnectionSort sort,
                                                      std::optional<NamePatterns> patterns,
                                                      std::optional<ConnectionRow> after, std::size_t limit);

    /// New connections of a week.
    struct Growth {
        Time began_at;  // a Monday, 00:00 UTC
        std::int64_t connections;
    };
    /// The connections of `user` made since the beginning of that week, by week, oldest first; weeks without any are
    /// left out.
    Task<std::vector<Growth>> list_growth(UserId user, Time since);

    // Copies of names.
    /// Those of `users` in whose list `peer` has another name than `sort_name`.
    Task<std::vector<UserId>> list_stale_names(UserId peer, std::string sort_name, std::vector<UserId> users);
    Task<void> rename_peer(sql::Transaction& tx, UserId peer, std::string sort_name, std::vector<UserId> users);

    // Invitations. What belongs to both sides is written to both rows.
    /// Inserts the rows of both sides.
    Task<void> insert_invitation(sql::Transaction& tx, InvitationId id, UserId inviter, UserId invitee,
                                 InvitationState state, std::string note, Time created_at);
    /// Sets the state that `user` sees.
    Task<void> update_invitation(sql::Transaction& tx, UserId user, InvitationId id, InvitationState state);
    /// Sets the state that both sides see.
    Task<void> update_invitation(sql::Transaction& tx, PairKey key, InvitationId id, InvitationState state);
    /// The side of `user`; nothing when `user` is no party of it.
    Task<std::optional<InvitationRow>> find_invitation(UserId user, InvitationId id);
    /// The same within a transaction that has locked the pair.
    Task<std::optional<InvitationRow>> find_invitation(sql::Transaction& tx, UserId user, InvitationId id);
    /// Up to `limit` pending invitations of one direction, newest first, older than `before`.
    Task<std::vector<InvitationRow>> list_pending(UserId user, Direction direction, InvitationId before,
                                                  std::size_t limit);

    /// Pending invitations that `inviter` has sent, ignored ones too, counted up to `most`.
    Task<std::size_t> count_pending(sql::Transaction& tx, UserId inviter, std::size_t most);

    // Import.
    /// Makes those pairs connected (and locks them) that are nothing to each other, not even followers, and gives them,
    /// in no order; the others stay as they are. `keys` ascending, without doubles. The rows of the connections are
    /// inserted by insert_connections().
    Task<std::vector<PairKey>> connect_strangers(sql::Transaction& tx, std::span<const PairKey> keys);
    /// Those of `keys` (ascending) that are not connected and have a pending invitation, or of whom one follows the
    /// other; not locked.
    Task<std::vector<PairKey>> list_acquainted(sql::Transaction& tx, std::span<const PairKey> keys);
    /// A connection to insert; the names must outlive the call.
    struct NewConnection {
        PairKey key;
        Time connected_at;
        const std::string* low_sort_name;
        const std::string* high_sort_name;
    };
    /// Inserts the rows of both sides of many connections; none of them may exist.
    Task<void> insert_connections(sql::Transaction& tx, std::span<const NewConnection> connections);

    sql::Database& database() { return database_; }

private:
    sql::Database& database_;
};

}  // namespace guildhall::connection
