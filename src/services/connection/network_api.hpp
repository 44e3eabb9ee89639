#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/json/constraints.hpp"
#include "services/connection/connection.hpp"
#include "services/connection/graph/graph.hpp"
#include "services/user/public/directory.hpp"

// The contract with clients: settings, and what the graph is asked.

namespace guildhall::connection {

/// What a member wants. `hides_connections`: nobody else sees with whom they are connected, not in a list, as a shared
/// connection, or on a path. `suggestable`: they may be suggested to others.
struct NetworkSettings {
    WhoMayInvite who_may_invite = WhoMayInvite::everyone;
    bool hides_connections = false;
    bool suggestable = true;
};
BOOST_DESCRIBE_STRUCT(NetworkSettings, (), (who_may_invite, hides_connections, suggestable))

/// JSON Merge Patch of them.
struct ChangeSettings {
    json::Change<WhoMayInvite> who_may_invite;
    json::Change<bool> hides_connections;
    json::Change<bool> suggestable;
};
BOOST_DESCRIBE_STRUCT(ChangeSettings, (), (who_may_invite, hides_connections, suggestable))

/// The degree of a member; null: further than three, unknown or hidden.
struct MemberDegree {
    UserId user_id;
    std::optional<int> degree;
};
BOOST_DESCRIBE_STRUCT(MemberDegree, (), (user_id, degree))

/// Why somebody is suggested. `well_connected`: for want of anything else.
enum class ReasonKind { shared_connections, same_place, same_industry, well_connected };
BOOST_DESCRIBE_ENUM(ReasonKind, shared_connections, same_place, same_industry, well_connected)

/// `score`: its part of the suggestion's. `count` and `members`: the shared connections, and up to three of them.
struct Reason {
    ReasonKind kind;
    std::int64_t score = 0;
    std::int64_t count = 0;
    std::vector<user::Card> members;
};
BOOST_DESCRIBE_STRUCT(Reason, (), (kind, score, count, members))

/// Somebody whom the asking member may know. `score` is the sum of the reasons', in units that docs/graph.md explains.
struct PersonSuggestion {
    user::Card user;
    std::int64_t score = 0;
    std::vector<Reason> reasons;
};
BOOST_DESCRIBE_STRUCT(PersonSuggestion, (), (user, score, reasons))

/// How many suggestions.
struct ListSuggestions {
    json::Limit<1, 50, 20> limit;
};
BOOST_DESCRIBE_STRUCT(ListSuggestions, (), (limit))

/// How many paths, of how many steps at most.
struct ListPaths {
    json::Limit<1, static_cast<int>(Graph::kMostPaths), 3> limit;
    json::Limit<1, Graph::kMostHops, Graph::kMostHops> max_hops;
};
BOOST_DESCRIBE_STRUCT(ListPaths, (), (limit, max_hops))

/// From the asking member to the other, each connected with the next.
struct IntroductionPath {
    std::int64_t hops = 0;
    std::int64_t score = 0;
    std::vector<user::Card> members;
};
BOOST_DESCRIBE_STRUCT(IntroductionPath, (), (hops, score, members))

/// New connections of a week that still stand.
struct WeekOfGrowth {
    Time began_at;
    std::int64_t connections = 0;
};
BOOST_DESCRIBE_STRUCT(WeekOfGrowth, (), (began_at, connections))

/// How many members are one, two and three steps away (null: too many to count), and how the first came about: the last
/// 52 weeks that brought any, oldest first.
struct NetworkStats {
    std::int64_t first = 0;
    std::optional<std::int64_t> second;
    std::optional<std::int64_t> third;
    std::vector<WeekOfGrowth> growth;
};
BOOST_DESCRIBE_STRUCT(NetworkStats, (), (first, second, third, growth))

}  // namespace guildhall::connection
