#pragma once

#include <string>
#include <string_view>

#include "platform/neo4j/query.hpp"

namespace guildhall::connection {

/// shared_connection_score() of the number `degree`; $unit is kScoreUnit.
inline constexpr std::string_view kScoreOfDegreeCypher =
    "toInteger(round($unit / log(CASE WHEN degree < 2 THEN 2 ELSE degree END)))";

/// The Cypher of Neo4jGraph, one statement for each thing that is asked or told; what each takes and gives is described
/// in neo4j_graph.cpp.
struct Neo4jQueries {
    /// `prefix` goes before the names of labels, types and indexes: letters, digits and underscores, a letter first, or
    /// empty. Throws std::invalid_argument.
    explicit Neo4jQueries(const std::string& prefix);

    // What the rest relies on; each does nothing when it is there.
    neo4j::Query make_constraint;
    neo4j::Query make_place_index;
    neo4j::Query make_industry_index;
    neo4j::Query make_degree_index;

    neo4j::Query put_members;
    // Together, in this order, in one transaction.
    neo4j::Query add_members;
    neo4j::Query lock_members;
    neo4j::Query connect;
    neo4j::Query disconnect;
    neo4j::Query count_connections;
    // Together, in this order, in one transaction.
    neo4j::Query lock_peers;
    neo4j::Query remove_members;

    neo4j::Query list;
    neo4j::Query degrees;
    neo4j::Query suggest;
    neo4j::Query paths;
    neo4j::Query network_size;
};

}  // namespace guildhall::connection
