#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "services/connection/graph/compact_graph.hpp"
#include "services/connection/graph/graph.hpp"

namespace guildhall::connection {

// The questions of Graph, asked of a CompactGraph on the calling thread, which no change may touch meanwhile. The work
// is counted in visits: one entry of one member's connections looked at, 1 to 5 ns each. Each question has a budget;
// where it does not suffice the answer says less than Graph promises:

/// suggest(): shared connections count from the one with the fewest connections (they count most) up to here; those
/// left out are the ones with the most. Only whom this finds can be suggested; what is said of them (score, parts,
/// shared connections) is exact nevertheless.
inline constexpr std::size_t kMostSuggestVisits = 1'000'000;
/// degrees(): each of the two ways of search, for all members asked about together. Who is found by neither counts as
/// further than 3.
inline constexpr std::size_t kMostDegreeVisits = 2'000'000;
/// paths(): for each number of steps above two, on either side. The steps left out are those through members with the
/// most connections (the lowest scores).
inline constexpr std::size_t kMostPathVisits = 1'000'000;
/// network_size(): for the second and for the third step; nothing is said of a step that needs more.
inline constexpr std::size_t kMostSizeVisits = 5'000'000;

/// Graph::degrees, within kMostDegreeVisits.
std::vector<std::optional<int>> degrees_in(const CompactGraph& graph, const Viewer& viewer,
                                           const std::vector<UserId>& members);
/// Graph::suggest, within kMostSuggestVisits, which `budget` may lower.
std::vector<Suggestion> suggest_in(const CompactGraph& graph, const Viewer& viewer, const Ids& excluded,
                                   std::size_t limit, std::size_t budget = kMostSuggestVisits);
/// Graph::paths, within kMostPathVisits, which `budget` may lower.
std::vector<Path> paths_in(const CompactGraph& graph, const Viewer& viewer, UserId target, std::size_t limit,
                           int max_hops, std::size_t budget = kMostPathVisits);
/// Graph::network_size, within kMostSizeVisits, which `budget` may lower.
NetworkSize network_size_in(const CompactGraph& graph, const Viewer& viewer, std::size_t budget = kMostSizeVisits);

/// Whom a viewer from whom nobody is hidden reaches in two steps by connections that count; who is reached in one may
/// be among them. For the degrees of others one after the other, while the graph does not change. A bitmap where that
/// is smaller than a list.
class Near {
public:
    /// Costs reach_of() the viewer.
    Near(const CompactGraph& graph, UserId viewer);

    /// As degrees_in() without budget; `graph` is the one of the constructor, or a later state of it: then the answer
    /// may be of before, in part.
    std::vector<std::optional<int>> degrees(const CompactGraph& graph, std::span<const UserId> members) const;
    /// The same for one.
    std::optional<int> degree(const CompactGraph& graph, UserId member) const;
    /// What degrees() will cost at most, in visits.
    static std::size_t cost_of_degrees(const CompactGraph& graph, std::span<const UserId> members);
    /// The bytes that it takes.
    std::size_t weight() const;

private:
    bool has(MemberIndex member) const;
    std::optional<int> degree(const CompactGraph& graph, MemberIndex me, UserId member) const;

    UserId viewer_;
    std::vector<std::uint64_t> bits_;   // by member; empty when it is a list
    std::vector<MemberIndex> members_;  // ascending
};

// What a question will cost at most, in visits, roughly; counted no further than `enough`.

/// The connections of the connections of `member`, whom the graph may not know.
std::size_t reach_of(const CompactGraph& graph, UserId member, std::size_t enough);
/// Of suggest_in().
std::size_t cost_of_suggest(const CompactGraph& graph, const Viewer& viewer, const Ids& excluded, std::size_t limit,
                            std::size_t enough);
/// Of degrees_in().
std::size_t cost_of_degrees(const CompactGraph& graph, const Viewer& viewer, const std::vector<UserId>& members,
                            std::size_t enough);

}  // namespace guildhall::connection
