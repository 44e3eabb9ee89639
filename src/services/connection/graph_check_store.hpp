#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/connection.hpp"
#include "services/connection/graph.hpp"

namespace guildhall::connection {

/// A comparison of the graph with the tables that somebody has asked for, and what came of it.
struct GraphCheckState {
    Time asked_at;
    bool repairs = false;
    Time done_at;  // asked_at of the last one that was done
    std::string report;
};

/// What a comparison of the graph needs of the tables: the truth in their order, and the row of `graph_checks`. None of it runs on a request's path.
/// Thread-safe; throws Unavailable.
class GraphCheckStore {
public:
    explicit GraphCheckStore(sql::Database& database) : database_(database) {}

    /// The members behind `after`, ascending, with their connections: up to `limit` members, and all who lie between them.
    Task<std::vector<GraphEntry>> list_truth(UserId after, std::size_t limit);

    /// A connection that only `user_id` has a row of.
    struct OneSided {
        UserId user_id;
        UserId peer_id;
        Time connected_at;
    };
    /// Up to `limit` of those behind (`user`, `peer`), in order of both.
    Task<std::vector<OneSided>> list_one_sided(UserId user, UserId peer, std::size_t limit);
    /// Removes one row of a connection.
    Task<void> remove_side(sql::Transaction& tx, UserId user, UserId peer);
    /// Inserts one row of a connection.
    Task<void> insert_side(sql::Transaction& tx, UserId user, UserId peer, Time connected_at, std::string sort_name);

    /// The row as it is.
    Task<GraphCheckState> find_state();
    /// Asks for a comparison, at the moment `now`.
    Task<void> ask(Time now, bool repairs);
    /// Takes the comparison that is asked for, until `until`; nothing when there is none, or another has it.
    Task<std::optional<GraphCheckState>> take(Time now, Time until);
    /// Keeps it until `until`.
    Task<void> keep(Time until);
    /// Says that the one asked for at `asked_at` is done.
    Task<void> finish(Time asked_at, std::string report);

private:
    Task<void> change(sql::Call call);

    sql::Database& database_;
};

}  // namespace guildhall::connection
