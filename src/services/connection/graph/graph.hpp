#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// A member as the graph knows them. Texts are folded, so that equal ones mean the same; empty: not said.
struct GraphMember {
    UserId id;
    std::string place;
    std::string industry;
    bool hides_network = false;  // nobody else learns through the graph with whom they are connected
    bool is_suggestable = true;  // false: they have opted out
    friend bool operator==(const GraphMember&, const GraphMember&) = default;
};

/// Whether two members are connected.
struct GraphEdge {
    UserId low;
    UserId high;
    bool is_connected = true;
    friend bool operator==(const GraphEdge&, const GraphEdge&) = default;
};

/// A member with all their connections, ascending: what a check compares with the truth.
struct GraphEntry {
    GraphMember member;
    Ids peers;
    friend bool operator==(const GraphEntry&, const GraphEntry&) = default;
};

/// Who asks. What is said of others is what this member may know: a connection between two others counts only when
/// neither hides their network, and nobody in `hidden` (ascending: a block, either way) is seen or passed.
struct Viewer {
    UserId id;
    Ids hidden;
};

/// A score is an integer, so that it does not depend on the order of addition: 10,000 is what one shared connection of
/// a member with e connections counts.
inline constexpr std::uint32_t kScoreUnit = 10'000;
/// What the same place and the same industry count.
inline constexpr std::uint32_t kPlaceScore = kScoreUnit / 4;
inline constexpr std::uint32_t kIndustryScore = kScoreUnit / 4;

/// What a shared connection with `degree` connections counts (hidden ones included): kScoreUnit / ln(degree), rounded;
/// a degree below 2 counts like 2.
/// Source: Adamic and Adar, "Friends and neighbors on the Web", Social Networks 25 (2003).
std::uint32_t shared_connection_score(std::size_t degree);

/// Somebody whom the viewer may know, and why. The score is the sum of its parts.
struct Suggestion {
    static constexpr std::size_t kShownShared = 3;

    UserId id;
    std::uint32_t score = 0;
    std::uint32_t shared_score = 0;  // of all shared connections that the viewer may know of
    std::uint32_t shared_count = 0;  // how many those are
    Ids shared;                      // up to kShownShared of them: of the highest score first, then by id
    bool is_same_place = false;
    bool is_same_industry = false;
    friend bool operator==(const Suggestion&, const Suggestion&) = default;
};

/// A chain of members, each connected with the next, from the viewer to the target.
struct Path {
    Ids members;
    std::uint32_t score = 0;  // the sum of shared_connection_score() of those between
    friend bool operator==(const Path&, const Path&) = default;
};

/// How many members are one, two and three steps away. Nothing: too many to count within the bounds of a request.
struct NetworkSize {
    std::size_t first = 0;
    std::optional<std::size_t> second;
    std::optional<std::size_t> third;
    friend bool operator==(const NetworkSize&, const NetworkSize&) = default;
};

/// The social graph: a projection of the tables, for questions that go further than one step. It may lag, and can be
/// made again from the truth. Thread-safe. Everything throws Unavailable while the engine is unavailable or not loaded
/// yet.
class Graph {
public:
    virtual ~Graph() = default;

    /// At most this many members or edges in one call, and members whom one question is about.
    static constexpr std::size_t kMostChanges = 1000;
    static constexpr std::size_t kMostDegrees = 100;
    static constexpr std::size_t kMostSuggestions = 200;
    static constexpr std::size_t kMostPaths = 10;
    static constexpr int kMostHops = 4;

    // Kept by events. Each says what holds now, whatever was before: repeating it changes nothing.

    /// Adds members, or replaces what is known of them; their connections stay. Of several with one id the last holds.
    virtual Task<void> put_members(std::vector<GraphMember> members) = 0;
    /// Takes members away, with their connections.
    virtual Task<void> remove_members(std::vector<UserId> members) = 0;
    /// Connects and disconnects, in order: of several for one pair the last holds. A member who is connected and not
    /// known becomes one of whom nothing else is known; nobody comes about by a disconnection, and nothing by an edge
    /// of a member with themself.
    virtual Task<void> set_edges(std::vector<GraphEdge> edges) = 0;
    /// Up to `limit` (at most kMostChanges) members with ids above `after`, ascending.
    virtual Task<std::vector<GraphEntry>> list(UserId after, std::size_t limit) = 0;

    // Questions. A limit above its maximum counts as the maximum. A viewer who is not known has no connections.

    /// For up to kMostDegrees members, in their order: 0 for the viewer (known or not), 1 for a connection, 2 and 3 for
    /// the steps of the shortest path that the viewer may know of; nothing for members who are further, unknown or
    /// hidden.
    virtual Task<std::vector<std::optional<int>>> degrees(Viewer viewer, std::vector<UserId> members) = 0;

    /// The same for one member without a coroutine, when that is known in memory, for a viewer from whom nobody is
    /// hidden; else nothing.
    virtual CachedDegree cached_degree(UserId /*viewer*/, UserId /*member*/) { return {}; }

    /// Up to `limit` people whom the viewer may know: never the viewer, a connection, one of `excluded` (ascending) or
    /// of the hidden, or who has opted out. First all who share a connection with the viewer; when these are fewer than
    /// `limit`, also those of the same place or industry with the most connections; when these are still fewer, those
    /// with the most connections of all (of equally many, the lower ids). In order of score, then of the number of
    /// connections (hidden ones included), both falling, then of id.
    virtual Task<std::vector<Suggestion>> suggest(Viewer viewer, Ids excluded, std::size_t limit) = 0;

    /// The best `limit` (at most kMostPaths) simple paths of up to `max_hops` (1 to kMostHops) steps from the viewer to
    /// `target`: fewer steps first, then of the higher score, then of the lower ids. None when the target is the
    /// viewer, unknown or hidden.
    virtual Task<std::vector<Path>> paths(Viewer viewer, UserId target, std::size_t limit, int max_hops) = 0;

    /// The sizes of the viewer's network, as degrees() counts steps.
    virtual Task<NetworkSize> network_size(Viewer viewer) = 0;
};

}  // namespace guildhall::connection
