#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/connection.hpp"
#include "services/connection/graph/graph.hpp"

namespace guildhall::connection {

/// A comparison of the graph with the tables that somebody has asked for, and what came of it.
struct GraphCheckState {
    Time asked_at;
    bool repairs = false;
    Time done_at;  // asked_at of the last one that was done
    std::string report;
    Time taken_until;  // in the future while a process has it
};

/// The members of a range of ids, ascending, with their connections.
struct GraphPage {
    std::vector<GraphEntry> entries;
    UserId upto;  // its last id, whether a member has it or not

    /// How much one page holds.
    struct Bounds {
        std::size_t members;
        std::size_t connections;  // of its members together; one member alone may have more
    };
};

/// What a comparison of the graph needs of the tables: the truth in their order, and the row of `graph_checks`. None of
/// it runs on a request's path. Thread-safe; throws Unavailable.
class GraphCheckStore {
public:
    explicit GraphCheckStore(sql::Database& database) : database_(database) {}

    /// The members behind `after` up to `upto`, or the first of them: as many as a page holds, and all those without a
    /// row who lie between them.
    Task<GraphPage> list_truth(UserId after, UserId upto, GraphPage::Bounds most);

    /// A connection that only `user_id` has a row of.
    struct OneSided {
        UserId user_id;
        UserId peer_id;
        Time connected_at;
    };
    /// Those among the connections of `page`, the entries of list_truth(), in its order.
    Task<std::vector<OneSided>> list_one_sided(const std::vector<GraphEntry>& page);
    /// Removes one row of a connection.
    Task<void> remove_side(sql::Transaction& tx, UserId user, UserId peer);
    /// Inserts one row of a connection.
    Task<void> insert_side(sql::Transaction& tx, UserId user, UserId peer, Time connected_at, std::string sort_name);

    /// The row as it is.
    Task<GraphCheckState> find_state();
    /// Asks for a comparison, at the moment `now` or a little later: later than all earlier requests, and with repairs
    /// if a request that still waits asked for them. Gives that moment: the comparison is done when `done_at` has
    /// reached it.
    Task<Time> ask(Time now, bool repairs);
    /// Takes the comparison that is asked for, until `until`, for `taker` (not 0, unlike any other); nothing when there
    /// is none, or another has it.
    Task<std::optional<GraphCheckState>> take(Time now, Time until, std::int64_t taker);
    /// Extends the lease to `until`. False when another has it by now.
    Task<bool> renew(std::int64_t taker, Time until);
    /// Leaves it to others, undone, if `taker` still has it.
    Task<void> release(std::int64_t taker);
    /// Says that the one asked for at `asked_at` is done. False, and nothing is said, when another has it by now.
    Task<bool> finish(std::int64_t taker, Time asked_at, std::string report);

private:
    Task<sql::Rows> change(sql::BoundStatement call);

    sql::Database& database_;
};

}  // namespace guildhall::connection
