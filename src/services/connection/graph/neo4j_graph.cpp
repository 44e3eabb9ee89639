#include "services/connection/graph/neo4j_graph.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

#include <boost/describe.hpp>

namespace guildhall::connection {
namespace {

using Numbers = std::vector<std::int64_t>;
using neo4j::Client;

constexpr std::chrono::seconds kCompileDeadline{60};

// What the queries take and give; the members have the names that stand in the Cypher. Ids are numbers there.

struct MemberRow {
    std::int64_t id = 0;
    std::string place;
    std::string industry;
    bool hides_network = false;
    bool is_suggestable = true;
};
BOOST_DESCRIBE_STRUCT(MemberRow, (), (id, place, industry, hides_network, is_suggestable))

struct PutMembers {
    std::vector<MemberRow> members;
    std::uint32_t unconnected_score = 0;
};
BOOST_DESCRIBE_STRUCT(PutMembers, (), (members, unconnected_score))

struct AddMembers {
    Numbers connected_members;
    std::uint32_t unconnected_score = 0;
};
BOOST_DESCRIBE_STRUCT(AddMembers, (), (connected_members, unconnected_score))

struct Members {
    Numbers members;
};
BOOST_DESCRIBE_STRUCT(Members, (), (members))

struct Connect {
    std::vector<Numbers> connected;  // pairs
};
BOOST_DESCRIBE_STRUCT(Connect, (), (connected))

struct Disconnect {
    std::vector<Numbers> disconnected;  // pairs
};
BOOST_DESCRIBE_STRUCT(Disconnect, (), (disconnected))

struct CountedMembers {
    Numbers members;
    std::uint32_t unit = kScoreUnit;
};
BOOST_DESCRIBE_STRUCT(CountedMembers, (), (members, unit))

struct List {
    std::int64_t after = 0;
    std::size_t limit = 0;
    std::size_t most_connections = 0;
};
BOOST_DESCRIBE_STRUCT(List, (), (after, limit, most_connections))

struct Entry {
    std::int64_t id = 0;
    std::string place;
    std::string industry;
    bool hides_network = false;
    bool is_suggestable = true;
    Numbers peers;
    std::uint32_t more = 0;  // members behind this one that were found
};
BOOST_DESCRIBE_STRUCT(Entry, (), (id, place, industry, hides_network, is_suggestable, peers, more))

struct DegreesParameters {
    std::int64_t viewer = 0;
    Numbers hidden;
    Numbers members;
};
BOOST_DESCRIBE_STRUCT(DegreesParameters, (), (viewer, hidden, members))

struct FoundDegrees {
    Numbers first;
    Numbers second;
    Numbers third;
};
BOOST_DESCRIBE_STRUCT(FoundDegrees, (), (first, second, third))

struct Suggest {
    std::int64_t viewer = 0;
    Numbers hidden;
    Numbers unwanted;  // hidden ones included
    std::size_t limit = 0;
    std::size_t shown_shared = Suggestion::kShownShared;
    std::uint32_t place_score = kPlaceScore;
    std::uint32_t industry_score = kIndustryScore;
};
BOOST_DESCRIBE_STRUCT(Suggest, (), (viewer, hidden, unwanted, limit, shown_shared, place_score, industry_score))

struct Neo4jCandidate {
    std::int64_t id = 0;
    std::uint32_t degree = 0;
    std::uint32_t shared_score = 0;
    std::uint32_t shared_count = 0;
    Numbers shared;
    bool is_same_place = false;
    bool is_same_industry = false;
};
BOOST_DESCRIBE_STRUCT(Neo4jCandidate, (),
                      (id, degree, shared_score, shared_count, shared, is_same_place, is_same_industry))

struct Candidates {
    std::vector<Neo4jCandidate> sharing;        // somebody with the viewer
    std::vector<Neo4jCandidate> alike;          // in place or industry; the most connected first
    std::vector<Neo4jCandidate> known_by_many;  // the most connected first
};
BOOST_DESCRIBE_STRUCT(Candidates, (), (sharing, alike, known_by_many))

struct Paths {
    std::int64_t viewer = 0;
    Numbers hidden;
    std::int64_t target = 0;
    std::size_t limit = 0;
    int max_hops = 0;
};
BOOST_DESCRIBE_STRUCT(Paths, (), (viewer, hidden, target, limit, max_hops))

struct FoundPath {
    std::uint32_t score = 0;
    Numbers between;
};
BOOST_DESCRIBE_STRUCT(FoundPath, (), (score, between))

struct CountNetwork {
    std::int64_t viewer = 0;
    Numbers hidden;
    std::size_t most_connections = 0;
};
BOOST_DESCRIBE_STRUCT(CountNetwork, (), (viewer, hidden, most_connections))

struct CountedNetwork {
    std::uint32_t first = 0;
    std::optional<std::uint32_t> second;
    std::optional<std::uint32_t> third;
};
BOOST_DESCRIBE_STRUCT(CountedNetwork, (), (first, second, third))

Numbers numbers(const Ids& ids) {
    Numbers out;
    out.reserve(ids.size());
    for (const UserId id : ids) out.push_back(id.value);
    return out;
}

Ids ids(const Numbers& values) {
    Ids out;
    out.reserve(values.size());
    for (const std::int64_t value : values) out.push_back(UserId{value});
    return out;
}

/// Ascending, each once.
void tidy(Numbers& values) {
    std::ranges::sort(values);
    const auto repeated = std::ranges::unique(values);
    values.erase(repeated.begin(), repeated.end());
}

Suggestion suggestion(const Neo4jCandidate& candidate) {
    Suggestion out;
    out.id = UserId{candidate.id};
    out.shared_score = candidate.shared_score;
    out.shared_count = candidate.shared_count;
    out.shared = ids(candidate.shared);
    out.is_same_place = candidate.is_same_place;
    out.is_same_industry = candidate.is_same_industry;
    out.score = out.shared_score + (out.is_same_place ? kPlaceScore : 0) + (out.is_same_industry ? kIndustryScore : 0);
    return out;
}

}  // namespace

Neo4jGraph::Neo4jGraph(neo4j::Client& client, Neo4jGraphOptions options)
    : client_(client), options_(std::move(options)), queries_(options_.prefix) {}

Task<void> Neo4jGraph::prepare() {
    if (is_prepared_) co_return;
    const std::string none = "{}";
    std::vector<neo4j::Step> steps{{queries_.make_constraint, none},
                                   {queries_.make_place_index, none},
                                   {queries_.make_industry_index, none},
                                   {queries_.make_degree_index, none}};
    co_await client_.run(std::move(steps), Client::Access::write, options_.write_deadline);
    is_prepared_ = true;
}

Task<void> Neo4jGraph::warm_up() {
    co_await prepare();
    const Numbers somebody{1};
    std::vector<neo4j::Step> steps{bind(queries_.list, List{0, 1, options_.most_listed_connections}),
                                   bind(queries_.degrees, DegreesParameters{0, {}, somebody}),
                                   bind(queries_.suggest, Suggest{0, {}, {}, 1}),
                                   bind(queries_.paths, Paths{0, {}, 1, 1, 1}),
                                   bind(queries_.network_size, CountNetwork{0, {}, options_.most_connections})};
    co_await client_.run(std::move(steps), Client::Access::read, kCompileDeadline);
}

Task<neo4j::Answer> Neo4jGraph::read(neo4j::Step step) {
    std::vector<neo4j::Step> steps{std::move(step)};
    co_return co_await client_.run(std::move(steps), Client::Access::read, options_.read_deadline);
}

Task<void> Neo4jGraph::write(std::vector<neo4j::Step> steps) {
    co_await prepare();
    co_await client_.run(std::move(steps), Client::Access::write, options_.write_deadline);
}

Task<void> Neo4jGraph::put_members(std::vector<GraphMember> members) {
    // In ascending order, so that two who put the same do not wait for each other.
    std::map<UserId, GraphMember> last;
    for (auto& member : members) last.insert_or_assign(member.id, std::move(member));
    PutMembers parameters{{}, shared_connection_score(0)};
    for (auto& [id, member] : last) {
        parameters.members.push_back({id.value, std::move(member.place), std::move(member.industry),
                                      member.hides_network, member.is_suggestable});
    }
    if (parameters.members.empty()) co_return;
    std::vector<neo4j::Step> steps{bind(queries_.put_members, parameters)};
    co_await write(std::move(steps));
}

Task<void> Neo4jGraph::remove_members(std::vector<UserId> members) {
    if (members.empty()) co_return;
    CountedMembers parameters{numbers(members)};
    tidy(parameters.members);
    std::vector<neo4j::Step> steps{bind(queries_.lock_peers, Members{parameters.members}),
                                   bind(queries_.remove_members, parameters)};
    co_await write(std::move(steps));
}

Task<void> Neo4jGraph::set_edges(std::vector<GraphEdge> edges) {
    std::map<std::pair<std::int64_t, std::int64_t>, bool> last;
    AddMembers added{{}, shared_connection_score(0)};
    for (const auto& edge : edges) {
        const std::int64_t low = std::min(edge.low.value, edge.high.value);
        const std::int64_t high = std::max(edge.low.value, edge.high.value);
        if (low == high) continue;
        last[{low, high}] = edge.is_connected;
        // Also when a later edge parts them: they stay.
        if (edge.is_connected) added.connected_members.insert(added.connected_members.end(), {low, high});
    }
    if (last.empty()) co_return;
    Connect connected;
    Disconnect disconnected;
    CountedMembers all;
    for (const auto& [pair, is_connected] : last) {
        const auto [low, high] = pair;
        (is_connected ? connected.connected : disconnected.disconnected).push_back({low, high});
        all.members.insert(all.members.end(), {low, high});
    }
    tidy(added.connected_members);
    tidy(all.members);
    std::vector<neo4j::Step> steps{bind(queries_.add_members, added), bind(queries_.lock_members, Members{all.members}),
                                   bind(queries_.connect, connected), bind(queries_.disconnect, disconnected),
                                   bind(queries_.count_connections, all)};
    co_await write(std::move(steps));
}

Task<std::vector<GraphEntry>> Neo4jGraph::list(UserId after, std::size_t limit) {
    limit = std::min(limit, kMostChanges);
    std::vector<GraphEntry> entries;
    while (entries.size() < limit) {
        const List parameters{entries.empty() ? after.value : entries.back().member.id.value, limit - entries.size(),
                              options_.most_listed_connections};
        const neo4j::Answer answer = co_await read(bind(queries_.list, parameters));
        auto rows = answer.rows<Entry>(0);
        for (auto& row : rows) {
            std::ranges::sort(row.peers);
            entries.push_back(
                {{UserId{row.id}, std::move(row.place), std::move(row.industry), row.hides_network, row.is_suggestable},
                 ids(row.peers)});
        }
        if (rows.empty() || rows.back().more == 0) break;
    }
    co_return entries;
}

Task<std::vector<std::optional<int>>> Neo4jGraph::degrees(Viewer viewer, std::vector<UserId> members) {
    DegreesParameters parameters{viewer.id.value, numbers(viewer.hidden), {}};
    for (const UserId member : members) {
        if (member != viewer.id && !contains(viewer.hidden, member)) parameters.members.push_back(member.value);
    }
    tidy(parameters.members);
    const neo4j::Answer answer = co_await read(bind(queries_.degrees, parameters));
    std::unordered_map<std::int64_t, int> steps{{viewer.id.value, 0}};
    for (const auto& found : answer.rows<FoundDegrees>(0)) {
        for (const std::int64_t id : found.first) steps.emplace(id, 1);
        for (const std::int64_t id : found.second) steps.emplace(id, 2);
        for (const std::int64_t id : found.third) steps.emplace(id, 3);
    }
    std::vector<std::optional<int>> out;
    out.reserve(members.size());
    for (const UserId member : members) {
        const auto found = steps.find(member.value);
        out.push_back(found == steps.end() ? std::nullopt : std::optional(found->second));
    }
    co_return out;
}

Task<std::vector<Suggestion>> Neo4jGraph::suggest(Viewer viewer, Ids excluded, std::size_t limit) {
    limit = std::min(limit, kMostSuggestions);
    Suggest parameters{viewer.id.value, numbers(viewer.hidden), {}, limit};
    Ids unwanted;
    std::ranges::set_union(viewer.hidden, excluded, std::back_inserter(unwanted));
    parameters.unwanted = numbers(unwanted);
    const neo4j::Answer answer = co_await read(bind(queries_.suggest, parameters));
    std::vector<std::pair<Suggestion, std::uint32_t>> found;  // with their degrees
    for (auto& candidates : answer.rows<Candidates>(0)) {
        for (const auto* group : {&candidates.sharing, &candidates.alike, &candidates.known_by_many}) {
            for (const auto& candidate : *group) {
                if (found.size() < limit) found.emplace_back(suggestion(candidate), candidate.degree);
            }
        }
    }
    std::ranges::sort(found, [](const auto& a, const auto& b) {
        if (a.first.score != b.first.score) return a.first.score > b.first.score;
        return a.second != b.second ? a.second > b.second : a.first.id < b.first.id;
    });
    std::vector<Suggestion> out;
    out.reserve(found.size());
    for (auto& each : found) out.push_back(std::move(each.first));
    co_return out;
}

Task<std::vector<Path>> Neo4jGraph::paths(Viewer viewer, UserId target, std::size_t limit, int max_hops) {
    if (max_hops < 1 || target == viewer.id || contains(viewer.hidden, target)) co_return std::vector<Path>{};
    const Paths parameters{viewer.id.value, numbers(viewer.hidden), target.value, std::min(limit, kMostPaths),
                           std::min(max_hops, kMostHops)};
    const neo4j::Answer answer = co_await read(bind(queries_.paths, parameters));
    std::vector<Path> out;
    for (const auto& found : answer.rows<FoundPath>(0)) {
        Path& path = out.emplace_back();
        path.score = found.score;
        path.members = {viewer.id};
        for (const std::int64_t id : found.between) path.members.push_back(UserId{id});
        path.members.push_back(target);
    }
    std::ranges::sort(out, [](const Path& a, const Path& b) {
        if (a.members.size() != b.members.size()) return a.members.size() < b.members.size();
        return a.score != b.score ? a.score > b.score : a.members < b.members;
    });
    co_return out;
}

Task<NetworkSize> Neo4jGraph::network_size(Viewer viewer) {
    const CountNetwork parameters{viewer.id.value, numbers(viewer.hidden), options_.most_connections};
    const neo4j::Answer answer = co_await read(bind(queries_.network_size, parameters));
    const auto rows = answer.rows<CountedNetwork>(0);
    if (rows.empty()) co_return NetworkSize{0, 0, 0};
    co_return NetworkSize{rows[0].first, rows[0].second, rows[0].third};
}

}  // namespace guildhall::connection
