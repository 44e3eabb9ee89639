#include "services/connection/graph/neo4j_queries.hpp"

#include <algorithm>
#include <stdexcept>

namespace guildhall::connection {
namespace {

constexpr std::size_t kLongestPrefix = 64;

void replace_all(std::string& text, std::string_view what, const std::string& by) {
    for (std::size_t found = text.find(what); found != std::string::npos; found = text.find(what, found + by.size()))
        text.replace(found, what.size(), by);
}

/// Cypher with the labels, types and names of `prefix` in it, which cannot be parameters.
std::string with_prefix(std::string_view text, const std::string& prefix) {
    std::string out(text);
    replace_all(out, ":Member", ":" + prefix + "Member");
    replace_all(out, ":CONNECTED", ":" + prefix + "CONNECTED");
    replace_all(out, " graph_", " " + prefix + "graph_");
    replace_all(out, "SCORE_OF_DEGREE", std::string(kScoreOfDegreeCypher));
    return out;
}

/// `prefix`, if it can be one. It becomes part of statements.
std::string checked(const std::string& prefix) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto is_allowed = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; };
    if (!prefix.empty() &&
        (!is_letter(prefix.front()) || !std::ranges::all_of(prefix, is_allowed) || prefix.size() > kLongestPrefix))
        throw std::invalid_argument(
            "the prefix of the graph's names in Neo4j has letters, digits and underscores, a letter first");
    return prefix;
}

// (:Member {id, place, industry, hides_network, is_suggestable, degree, score}): degree is the number of CONNECTED,
// score is shared_connection_score(degree); both are written by whatever changes a member's connections, and never
// else.
constexpr std::string_view kMakeConstraint =
    "CREATE CONSTRAINT graph_member_id IF NOT EXISTS FOR (m:Member) REQUIRE m.id IS UNIQUE";
constexpr std::string_view kMakePlaceIndex =
    "CREATE INDEX graph_member_place IF NOT EXISTS FOR (m:Member) ON (m.place, m.degree)";
constexpr std::string_view kMakeIndustryIndex =
    "CREATE INDEX graph_member_industry IF NOT EXISTS FOR (m:Member) ON (m.industry, m.degree)";
constexpr std::string_view kMakeDegreeIndex =
    "CREATE INDEX graph_member_degree IF NOT EXISTS FOR (m:Member) ON (m.degree)";

constexpr std::string_view kPutMembers = R"(
UNWIND $members AS row
MERGE (m:Member {id: row.id})
ON CREATE SET m.degree = 0, m.score = $unconnected_score
SET m.place = row.place, m.industry = row.industry, m.hides_network = row.hides_network,
    m.is_suggestable = row.is_suggestable)";

constexpr std::string_view kAddMembers = R"(
UNWIND $connected_members AS id
MERGE (m:Member {id: id})
ON CREATE SET m.degree = 0, m.score = $unconnected_score, m.place = '', m.industry = '', m.hides_network = false,
              m.is_suggestable = true)";

// Setting a property takes the member's write lock: a transaction that counts connections again holds it, so that none
// is added meanwhile. In ascending order, so that two who lock the same members do not wait for each other: four
// writers of the same twelve members met 2 to 8 deadlocks in 100 calls, and 100 without this.
constexpr std::string_view kLockMembers = R"(
UNWIND $members AS id
MATCH (m:Member {id: id})
SET m.degree = m.degree)";

constexpr std::string_view kConnect = R"(
UNWIND $connected AS edge
MATCH (low:Member {id: edge[0]}), (high:Member {id: edge[1]})
MERGE (low)-[:CONNECTED]->(high))";

constexpr std::string_view kDisconnect = R"(
UNWIND $disconnected AS edge
MATCH (:Member {id: edge[0]})-[connection:CONNECTED]->(:Member {id: edge[1]})
DELETE connection)";

constexpr std::string_view kCountConnections = R"(
UNWIND $members AS id
MATCH (m:Member {id: id})
WITH m, COUNT { (m)-[:CONNECTED]-() } AS degree
SET m.degree = degree, m.score = SCORE_OF_DEGREE)";

constexpr std::string_view kLockPeers = R"(
UNWIND $members AS id
MATCH (m:Member {id: id})
OPTIONAL MATCH (m)-[:CONNECTED]-(peer)
UNWIND [m, peer] AS one
WITH DISTINCT one WHERE one IS NOT NULL
WITH one ORDER BY one.id
SET one.degree = one.degree)";

constexpr std::string_view kRemoveMembers = R"(
UNWIND $members AS id
MATCH (m:Member {id: id})
OPTIONAL MATCH (m)-[:CONNECTED]-(peer)
WITH collect(DISTINCT m) AS members, collect(DISTINCT peer) AS peers
FOREACH (m IN members | DETACH DELETE m)
WITH [peer IN peers WHERE NOT peer IN members] AS peers
UNWIND peers AS peer
WITH peer, COUNT { (peer)-[:CONNECTED]-() } AS degree
SET peer.degree = degree, peer.score = SCORE_OF_DEGREE)";

// As many members as fit, but at least one: an answer is bounded by the connections in it, of which one member may have
// thousands.
constexpr std::string_view kListConnections = R"(
MATCH (m:Member) WHERE m.id > $after
WITH m ORDER BY m.id LIMIT $limit
WITH collect(m) AS members
WITH members, reduce(sums = [0], m IN members | sums + (last(sums) + m.degree)) AS sums
UNWIND range(0, size(members) - 1) AS i
WITH members, members[i] AS m, i, sums[i + 1] AS sum WHERE i = 0 OR sum <= $most_connections
RETURN {id: m.id, place: m.place, industry: m.industry, hides_network: m.hides_network,
        is_suggestable: m.is_suggestable, peers: COLLECT { MATCH (m)-[:CONNECTED]-(peer) RETURN peer.id },
        more: size(members) - i - 1} AS entry
ORDER BY m.id)";

// Members two and three steps away are those with a neighbour among the viewer's at one and two: both sides' neighbours
// are grouped in one pass, which costs the same for every result.
constexpr std::string_view kDegrees = R"(
MATCH (v:Member {id: $viewer})
CALL (v) {
  UNWIND $members AS id
  MATCH (m:Member {id: id})
  MATCH (v)-[:CONNECTED]-(m)
  RETURN collect(id) AS first
}
CALL (first) {
  UNWIND $members AS id
  WITH id WHERE NOT id IN first
  MATCH (m:Member {id: id}) WHERE NOT m.hides_network
  RETURN collect(m) AS left_1
}
CALL (v, left_1) {
  WITH v, left_1 WHERE size(left_1) > 0
  CALL (v, left_1) {
    MATCH (v)-[:CONNECTED]-(a) WHERE NOT a.hides_network AND NOT a.id IN $hidden
    RETURN a, null AS m, 1 AS near
    UNION ALL
    UNWIND left_1 AS m
    MATCH (m)-[:CONNECTED]-(a)
    RETURN a, m, 0 AS near
  }
  WITH a, max(near) AS near, collect(m) AS seen WHERE near = 1
  UNWIND seen AS m
  RETURN collect(DISTINCT m) AS second
}
WITH v, first, second, [m IN left_1 WHERE NOT m IN second] AS left_2
CALL (v, left_2) {
  WITH v, left_2 WHERE size(left_2) > 0
  CALL (v, left_2) {
    MATCH (v)-[:CONNECTED]-(a) WHERE NOT a.hides_network AND NOT a.id IN $hidden
    MATCH (a)-[:CONNECTED]-(b)
    WITH DISTINCT b WHERE NOT b.hides_network AND NOT b.id IN $hidden
    RETURN b, null AS m, 1 AS near
    UNION ALL
    UNWIND left_2 AS m
    MATCH (m)-[:CONNECTED]-(b)
    RETURN b, m, 0 AS near
  }
  WITH b, max(near) AS near, collect(m) AS seen WHERE near = 1
  UNWIND seen AS m
  RETURN collect(DISTINCT m.id) AS third
}
RETURN {first: first, second: [m IN second | m.id], third: third} AS found)";

constexpr std::string_view kSuggest = R"(
OPTIONAL MATCH (v:Member {id: $viewer})
WITH v, coalesce(v.place, '') AS place, coalesce(v.industry, '') AS industry
CALL (v, place, industry) {
  MATCH (v)-[:CONNECTED]-(c) WHERE NOT c.hides_network AND NOT c.id IN $hidden
  WITH v, place, industry, c ORDER BY c.score DESC, c.id
  MATCH (c)-[:CONNECTED]-(m)
  WITH v, place, industry, c, m ORDER BY c.score DESC, c.id
  WITH v, place, industry, m, sum(c.score) AS shared_score, count(c) AS shared_count,
       collect(c.id)[..$shown_shared] AS shared
  WHERE m <> v AND m.is_suggestable AND NOT m.hides_network AND NOT m.id IN $unwanted
    AND NOT EXISTS { (v)-[:CONNECTED]-(m) }
  WITH m, shared_score, shared_count, shared, place <> '' AND m.place = place AS is_same_place,
       industry <> '' AND m.industry = industry AS is_same_industry
  ORDER BY shared_score + CASE WHEN is_same_place THEN $place_score ELSE 0 END
           + CASE WHEN is_same_industry THEN $industry_score ELSE 0 END DESC,
           m.degree DESC, m.id
  LIMIT $limit
  RETURN collect({id: m.id, degree: m.degree, shared_score: shared_score, shared_count: shared_count, shared: shared,
                  is_same_place: is_same_place, is_same_industry: is_same_industry}) AS sharing
}
CALL (v, place, industry, sharing) {
  WITH v, place, industry, [s IN sharing | s.id] AS known WHERE size(sharing) < $limit
  CALL (v, place, industry, known) {
    MATCH (m:Member) WHERE m.place = CASE WHEN place <> '' THEN place END AND m.degree >= 0
      AND m.id <> $viewer AND m.is_suggestable AND NOT m.id IN $unwanted AND NOT m.id IN known
      AND NOT EXISTS { (v)-[:CONNECTED]-(m) }
    WITH m ORDER BY m.place DESC, m.degree DESC, m.id LIMIT $limit
    RETURN m
    UNION
    MATCH (m:Member) WHERE m.industry = CASE WHEN industry <> '' THEN industry END AND m.degree >= 0
      AND m.id <> $viewer AND m.is_suggestable AND NOT m.id IN $unwanted AND NOT m.id IN known
      AND NOT EXISTS { (v)-[:CONNECTED]-(m) }
    WITH m ORDER BY m.industry DESC, m.degree DESC, m.id LIMIT $limit
    RETURN m
  }
  WITH place, industry, m ORDER BY m.degree DESC, m.id LIMIT $limit
  RETURN collect({id: m.id, degree: m.degree, shared_score: 0, shared_count: 0, shared: [],
                  is_same_place: place <> '' AND m.place = place,
                  is_same_industry: industry <> '' AND m.industry = industry}) AS alike
}
CALL (v, sharing, alike) {
  WITH v, [s IN sharing + alike | s.id] AS known WHERE size(sharing) + size(alike) < $limit
  MATCH (m:Member) WHERE m.degree >= 0
    AND m.id <> $viewer AND m.is_suggestable AND NOT m.id IN $unwanted AND NOT m.id IN known
    AND NOT EXISTS { (v)-[:CONNECTED]-(m) }
  WITH m ORDER BY m.degree DESC, m.id LIMIT $limit
  RETURN collect({id: m.id, degree: m.degree, shared_score: 0, shared_count: 0, shared: [],
                  is_same_place: false, is_same_industry: false}) AS known_by_many
}
RETURN {sharing: sharing, alike: alike, known_by_many: known_by_many} AS found)";

// Length by length, and no further once there are enough. Three steps go from the side with fewer connections. Four
// meet in the middle: of a middle b only the best limit + 1 on either side can be on one of the best paths (the rest
// come after as many with the same b, one of which may be used on the other side), and only the `limit` b with the best
// paths.
constexpr std::string_view kPaths = R"(
MATCH (v:Member {id: $viewer}), (t:Member {id: $target})
CALL (v, t) {
  MATCH (v)-[:CONNECTED]-(t)
  RETURN collect({score: 0, between: []}) AS one
}
CALL (v, t, one) {
  WITH v, t WHERE $max_hops >= 2 AND NOT t.hides_network AND size(one) < $limit
  MATCH (v)-[:CONNECTED]-(a)-[:CONNECTED]-(t)
  WHERE NOT a.hides_network AND NOT a.id IN $hidden
  WITH a ORDER BY a.score DESC, a.id LIMIT $limit
  RETURN collect({score: a.score, between: [a.id]}) AS two
}
WITH v, t, one + two AS found
CALL (v, t, found) {
  WITH v, t, v.degree <= t.degree AS is_forward WHERE $max_hops >= 3 AND NOT t.hides_network AND size(found) < $limit
  WITH is_forward, CASE WHEN is_forward THEN v ELSE t END AS start, CASE WHEN is_forward THEN t ELSE v END AS stop
  MATCH (start)-[:CONNECTED]-(a) WHERE a <> stop AND NOT a.hides_network AND NOT a.id IN $hidden
  MATCH (a)-[:CONNECTED]-(b) WHERE b <> start AND b <> stop
  MATCH (b)-[:CONNECTED]-(stop) WHERE NOT b.hides_network AND NOT b.id IN $hidden
  WITH a.score + b.score AS score, CASE WHEN is_forward THEN [a.id, b.id] ELSE [b.id, a.id] END AS between
  ORDER BY score DESC, between LIMIT $limit
  RETURN collect({score: score, between: between}) AS three
}
WITH v, t, found + three AS found
CALL (v, t, found) {
  WITH v, t WHERE $max_hops >= 4 AND NOT t.hides_network AND size(found) < $limit
  CALL (v, t) {
    MATCH (v)-[:CONNECTED]-(a) WHERE a <> t AND NOT a.hides_network AND NOT a.id IN $hidden
    WITH v, t, a ORDER BY a.score DESC, a.id
    MATCH (a)-[:CONNECTED]-(b) WHERE b <> v AND b <> t
    WITH b, a ORDER BY a.score DESC, a.id
    RETURN b, collect(a)[..$limit + 1] AS near, null AS far
    UNION ALL
    MATCH (t)-[:CONNECTED]-(c) WHERE c <> v AND NOT c.hides_network AND NOT c.id IN $hidden
    WITH v, t, c ORDER BY c.score DESC, c.id
    MATCH (c)-[:CONNECTED]-(b) WHERE b <> v AND b <> t
    WITH b, c ORDER BY c.score DESC, c.id
    RETURN b, null AS near, collect(c)[..$limit + 1] AS far
  }
  WITH b, head(collect(near)) AS near, head(collect(far)) AS far
  WHERE near IS NOT NULL AND far IS NOT NULL AND NOT b.hides_network AND NOT b.id IN $hidden
  CALL (b, near, far) {
    UNWIND near[..2] AS a
    UNWIND far[..2] AS c
    WITH a, c WHERE a <> c
    WITH a.score + b.score + c.score AS best, [a.id, b.id, c.id] AS first ORDER BY best DESC, first LIMIT 1
    RETURN best, first
  }
  WITH b, near, far ORDER BY best DESC, first LIMIT $limit
  UNWIND near AS a
  UNWIND far AS c
  WITH a, b, c WHERE a <> c
  WITH a.score + b.score + c.score AS score, [a.id, b.id, c.id] AS between ORDER BY score DESC, between LIMIT $limit
  RETURN collect({score: score, between: between}) AS four
}
UNWIND (found + four)[..$limit] AS path
RETURN path)";

constexpr std::string_view kNetworkSize = R"(
MATCH (v:Member {id: $viewer})
CALL (v) {
  MATCH (v)-[:CONNECTED]-(a) WHERE NOT a.id IN $hidden
  RETURN collect(a) AS first
}
WITH v, first, [a IN first WHERE NOT a.hides_network] AS open
WITH v, first, open, reduce(sum = 0, a IN open | sum + a.degree) <= $most_connections AS is_second_known
CALL (v, first, open, is_second_known) {
  WITH v, first, open WHERE is_second_known
  CALL (v, first, open) {
    UNWIND first AS m
    RETURN m, 1 AS steps
    UNION ALL
    UNWIND open AS a
    MATCH (a)-[:CONNECTED]-(m) WHERE m <> v
    RETURN m, 2 AS steps
  }
  WITH m, min(steps) AS steps WHERE steps = 2 AND NOT m.hides_network AND NOT m.id IN $hidden
  RETURN collect(m) AS second
}
WITH v, first, second, is_second_known,
     is_second_known AND reduce(sum = 0, b IN second | sum + b.degree) <= $most_connections AS is_third_known
CALL (v, first, second, is_third_known) {
  WITH v, first, second WHERE is_third_known
  CALL (v, first, second) {
    UNWIND first + second AS m
    RETURN m, 2 AS steps
    UNION ALL
    UNWIND second AS b
    MATCH (b)-[:CONNECTED]-(m) WHERE m <> v
    RETURN m, 3 AS steps
  }
  WITH m, min(steps) AS steps WHERE steps = 3 AND NOT m.hides_network AND NOT m.id IN $hidden
  RETURN count(m) AS third
}
RETURN {first: size(first), second: CASE WHEN is_second_known THEN size(second) END,
        third: CASE WHEN is_third_known THEN third END} AS size)";

}  // namespace

Neo4jQueries::Neo4jQueries(const std::string& prefix)
    : make_constraint("graph.make_constraint", with_prefix(kMakeConstraint, checked(prefix))),
      make_place_index("graph.make_place_index", with_prefix(kMakePlaceIndex, prefix)),
      make_industry_index("graph.make_industry_index", with_prefix(kMakeIndustryIndex, prefix)),
      make_degree_index("graph.make_degree_index", with_prefix(kMakeDegreeIndex, prefix)),
      put_members("graph.put_members", with_prefix(kPutMembers, prefix)),
      add_members("graph.add_members", with_prefix(kAddMembers, prefix)),
      lock_members("graph.lock_members", with_prefix(kLockMembers, prefix)),
      connect("graph.connect", with_prefix(kConnect, prefix)),
      disconnect("graph.disconnect", with_prefix(kDisconnect, prefix)),
      count_connections("graph.count_connections", with_prefix(kCountConnections, prefix)),
      lock_peers("graph.lock_peers", with_prefix(kLockPeers, prefix)),
      remove_members("graph.remove_members", with_prefix(kRemoveMembers, prefix)),
      list("graph.list", with_prefix(kListConnections, prefix)),
      degrees("graph.degrees", with_prefix(kDegrees, prefix)),
      suggest("graph.suggest", with_prefix(kSuggest, prefix)),
      paths("graph.paths", with_prefix(kPaths, prefix)),
      network_size("graph.network_size", with_prefix(kNetworkSize, prefix)) {}

}  // namespace guildhall::connection
