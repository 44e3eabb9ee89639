#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "platform/neo4j/client.hpp"
#include "services/connection/graph/graph.hpp"
#include "services/connection/graph/neo4j_queries.hpp"

namespace guildhall::connection {

/// Names and bounds of the graph in Neo4j.
struct Neo4jGraphOptions {
    std::string prefix;  // of labels, types and indexes, so that several graphs can share a database; see Neo4jQueries
    std::chrono::milliseconds read_deadline{2'000};
    std::chrono::milliseconds write_deadline{10'000};  // of a call, all tries; also for making the indexes
    // network_size() does not count further than the members of this many connections.
    std::size_t most_connections = 500'000;
    // list() takes members with more connections than this in several requests; each connection is some 20 bytes of an
    // answer.
    std::size_t most_listed_connections = 100'000;
};

/// The graph in Neo4j 5, for several processes together. One request of the engine for each call, but list() of members
/// with very many connections. Constraint and indexes are made with the first change that reaches the engine. Nothing
/// is asked before that: the engine may be unavailable when this is made. Two writers may tell the same or the contrary
/// at once; each call is all or nothing.
class Neo4jGraph final : public Graph {
public:
    /// `client` outlives this. Throws std::invalid_argument for a prefix that is none.
    explicit Neo4jGraph(neo4j::Client& client, Neo4jGraphOptions options = {});

    /// Makes constraint and indexes, and asks each question once about nobody, so that the engine compiles it; this can
    /// take much longer than an answer. Throws Unavailable.
    Task<void> warm_up();

    Task<void> put_members(std::vector<GraphMember> members) override;
    Task<void> remove_members(std::vector<UserId> members) override;
    Task<void> set_edges(std::vector<GraphEdge> edges) override;
    Task<std::vector<GraphEntry>> list(UserId after, std::size_t limit) override;
    Task<std::vector<std::optional<int>>> degrees(Viewer viewer, std::vector<UserId> members) override;
    Task<std::vector<Suggestion>> suggest(Viewer viewer, Ids excluded, std::size_t limit) override;
    Task<std::vector<Path>> paths(Viewer viewer, UserId target, std::size_t limit, int max_hops) override;
    Task<NetworkSize> network_size(Viewer viewer) override;

private:
    /// Makes constraint and indexes unless this object has done so.
    Task<void> prepare();
    Task<neo4j::Answer> read(neo4j::Step step);
    Task<void> write(std::vector<neo4j::Step> steps);

    neo4j::Client& client_;
    const Neo4jGraphOptions options_;
    const Neo4jQueries queries_;
    std::atomic<bool> is_prepared_{false};
};

}  // namespace guildhall::connection
