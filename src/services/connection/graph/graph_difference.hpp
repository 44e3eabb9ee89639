#pragma once

#include <cstdint>
#include <vector>

#include "services/connection/graph/graph.hpp"

namespace guildhall::connection {

/// What has to change in the graph for a range of members, everything ascending.
struct GraphDifference {
    std::vector<GraphMember> members;
    std::vector<UserId> extra_members;
    // Connections with higher members: each counts at its lower one.
    std::vector<GraphEdge> missing;
    std::vector<GraphEdge> extra;
    // And what is no fault: connections with lower members, which count there; members of whom nothing is known, who
    // have no connections and need have no event.
    std::vector<GraphEdge> below;
    std::vector<GraphMember> plain_members;
    std::vector<UserId> extra_plain_members;

    bool has_faults() const { return !members.empty() || !extra_members.empty() || !missing.empty() || !extra.empty(); }
    bool is_empty() const {
        return !has_faults() && below.empty() && plain_members.empty() && extra_plain_members.empty();
    }
    /// True when anything would be taken away.
    bool removes_any() const { return !extra_members.empty() || !extra_plain_members.empty() || !extra.empty(); }
};

/// Which connections of a member who is in the graph are compared. Of one whom it lacks all are missing: who was taken
/// out has lost also those that were compared before.
enum class ComparedPeers : std::uint8_t { above, all };

/// What makes `graph` like `truth`; both ascending, of the same range.
GraphDifference difference_of(const std::vector<GraphEntry>& truth, const std::vector<GraphEntry>& graph,
                              ComparedPeers compared);

/// The faults that are in both.
GraphDifference common_faults(const GraphDifference& a, const GraphDifference& b);

}  // namespace guildhall::connection
