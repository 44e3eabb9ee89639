// The social graph: the promises of graph.hpp, on each engine; and random graphs compared with a simple, slow
// reference.
#include <algorithm>
#include <cmath>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/connection/graph/graph.hpp"
#include "support/databases.hpp"
#include "support/graphs.hpp"
#include "support/random_graph.hpp"
#include "support/reference_graph.hpp"

namespace guildhall::connection {

// GoogleTest finds these by the namespace of the types.
void PrintTo(const Suggestion& s, std::ostream* out) {
    *out << s.id.value << ": " << s.score << " = " << s.shared_score << " of " << s.shared_count
         << (s.is_same_place ? ", place" : "") << (s.is_same_industry ? ", industry" : "") << ", by";
    for (const UserId id : s.shared) *out << ' ' << id.value;
}
void PrintTo(const Path& path, std::ostream* out) {
    for (const UserId id : path.members) *out << id.value << ' ';
    *out << "scored " << path.score;
}
void PrintTo(const NetworkSize& size, std::ostream* out) {
    *out << size.first << ", " << (size.second ? std::to_string(*size.second) : "?") << ", "
         << (size.third ? std::to_string(*size.third) : "?");
}

namespace {

using test::RandomGraph;
using test::ReferenceGraph;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr UserId id(std::int64_t value) { return UserId{value}; }
Ids ids(std::initializer_list<std::int64_t> values) {
    Ids out;
    for (const auto value : values) out.push_back(UserId{value});
    return out;
}
GraphMember plain(std::int64_t value) { return {.id = id(value), .place = {}, .industry = {}}; }
GraphMember at(std::int64_t value, std::string place, std::string industry = {}) {
    return {.id = id(value), .place = std::move(place), .industry = std::move(industry)};
}
GraphMember hiding(std::int64_t value) { return {.id = id(value), .place = {}, .industry = {}, .hides_network = true}; }
GraphMember opted_out(std::int64_t value) {
    return {.id = id(value), .place = {}, .industry = {}, .is_suggestable = false};
}
Viewer viewer(std::int64_t value, Ids hidden = {}) { return {.id = id(value), .hidden = std::move(hidden)}; }

std::vector<UserId> ids_of(const std::vector<Suggestion>& suggestions) {
    std::vector<UserId> out;
    for (const auto& suggestion : suggestions) out.push_back(suggestion.id);
    return out;
}
std::vector<Ids> members_of(const std::vector<Path>& paths) {
    std::vector<Ids> out;
    for (const auto& path : paths) out.push_back(path.members);
    return out;
}

class GraphContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto missing = test::missing_graph(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
        start();
    }
    void start() { graph = test::make_graph(GetParam()); }

    void put(std::vector<GraphMember> members) { loop.run(graph->put_members(std::move(members))); }
    void remove(std::vector<UserId> members) { loop.run(graph->remove_members(std::move(members))); }
    void set(std::vector<GraphEdge> edges) { loop.run(graph->set_edges(std::move(edges))); }
    void connect(std::initializer_list<std::pair<std::int64_t, std::int64_t>> pairs) {
        std::vector<GraphEdge> edges;
        for (const auto& [a, b] : pairs) edges.push_back({.low = id(std::min(a, b)), .high = id(std::max(a, b))});
        set(std::move(edges));
    }
    void disconnect(std::int64_t a, std::int64_t b) { set({{.low = id(a), .high = id(b), .is_connected = false}}); }
    /// `count` members, from 1,000,000 up, whom only `of` knows: so that `of` has more connections.
    void crowd(std::int64_t of, int count) {
        std::vector<GraphEdge> edges;
        for (int i = 0; i < count; ++i) edges.push_back({.low = id(of), .high = id(next_of_crowd++)});
        set(edges);
        std::vector<GraphMember> members;
        for (const auto& edge : edges) members.push_back(opted_out(edge.high.value));
        put(std::move(members));
    }
    std::vector<GraphEntry> list(std::int64_t after = 0, std::size_t limit = Graph::kMostChanges) {
        return loop.run(graph->list(id(after), limit));
    }
    std::vector<std::optional<int>> degrees(const Viewer& who, std::vector<UserId> members) {
        return loop.run(graph->degrees(who, std::move(members)));
    }
    std::vector<Suggestion> suggest(const Viewer& who, std::size_t limit = 20, Ids excluded = {}) {
        return loop.run(graph->suggest(who, std::move(excluded), limit));
    }
    std::vector<Path> paths(const Viewer& who, std::int64_t target, std::size_t limit = 10, int max_hops = 4) {
        return loop.run(graph->paths(who, id(target), limit, max_hops));
    }
    NetworkSize size(const Viewer& who) { return loop.run(graph->network_size(who)); }
    int cases(int in_memory, int over_a_network) { return test::cases_for(GetParam(), in_memory, over_a_network); }

    guildhall::test::TestLoop loop;
    std::shared_ptr<Graph> graph;
    std::int64_t next_of_crowd = 1'000'000;
};

INSTANTIATE_TEST_SUITE_P(, GraphContract, testing::ValuesIn(test::kGraphEngines),
                         [](const auto& engine) { return std::string(engine.param); });

// What is kept.

TEST_P(GraphContract, MemberIsListedAsItWasPut) {
    const GraphMember said{.id = id(7),
                           .place = "são paulo 👋",
                           .industry = std::string("a\0b", 3),
                           .hides_network = true,
                           .is_suggestable = false};
    put({said});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{said, {}}));
}

TEST_P(GraphContract, IdsMayBeAsLargeAsTheyCome) {
    constexpr std::int64_t kLargest = 0x7FFFFFFFFFFFFFFF;
    connect({{1, kLargest}, {kLargest - 1, kLargest}});
    EXPECT_EQ(list(kLargest - 1).at(0).peers, ids({1, kLargest - 1}));
    EXPECT_THAT(degrees(viewer(1), {id(kLargest), id(kLargest - 1)}), ElementsAre(1, 2));
}

TEST_P(GraphContract, PuttingAMemberAgainReplacesWhatIsKnownAndKeepsConnections) {
    put({at(1, "turin", "music"), plain(2)});
    connect({{1, 2}});
    put({hiding(1)});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{hiding(1), ids({2})}, GraphEntry{plain(2), ids({1})}));
    put({hiding(1)});
    EXPECT_THAT(list(), SizeIs(2));
}

TEST_P(GraphContract, OfAMemberPutTwiceInOneCallTheLastHolds) {
    put({at(1, "turin"), at(2, "rome"), at(1, "köln")});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{at(1, "köln"), {}}, GraphEntry{at(2, "rome"), {}}));
}

TEST_P(GraphContract, ConnectingUnknownMembersMakesThemWithNothingElseKnown) {
    connect({{5, 3}});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{plain(3), ids({5})}, GraphEntry{plain(5), ids({3})}));
}

TEST_P(GraphContract, ConnectionIsOneWhoeverIsNamedFirstAndHoweverOften) {
    connect({{1, 2}});
    set({{.low = id(2), .high = id(1)}, {.low = id(1), .high = id(2)}});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{plain(1), ids({2})}, GraphEntry{plain(2), ids({1})}));
    EXPECT_EQ(size(viewer(1)), (NetworkSize{1, 0, 0}));
}

TEST_P(GraphContract, DisconnectingEndsItFromBothSidesAndAgainChangesNothing) {
    connect({{1, 2}, {2, 3}});
    disconnect(2, 1);
    disconnect(1, 2);
    EXPECT_THAT(list(),
                ElementsAre(GraphEntry{plain(1), {}}, GraphEntry{plain(2), ids({3})}, GraphEntry{plain(3), ids({2})}));
}

TEST_P(GraphContract, DisconnectionMakesNobody) {
    put({plain(1)});
    disconnect(1, 2);
    disconnect(3, 4);
    EXPECT_THAT(list(), ElementsAre(GraphEntry{plain(1), {}}));
}

TEST_P(GraphContract, NobodyIsConnectedWithThemself) {
    connect({{1, 2}});
    set({{.low = id(1), .high = id(1)}, {.low = id(9), .high = id(9)}});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{plain(1), ids({2})}, GraphEntry{plain(2), ids({1})}));
}

TEST_P(GraphContract, OfSeveralEdgesForOnePairTheLastHolds) {
    const GraphEdge on{.low = id(1), .high = id(2)};
    const GraphEdge off{.low = id(2), .high = id(1), .is_connected = false};
    set({on, off});
    EXPECT_THAT(degrees(viewer(1), {id(2)}), ElementsAre(std::nullopt));
    EXPECT_THAT(list(), SizeIs(2));
    set({off, on});
    EXPECT_THAT(degrees(viewer(1), {id(2)}), ElementsAre(1));
    set({on, off, on, off});
    EXPECT_THAT(degrees(viewer(1), {id(2)}), ElementsAre(std::nullopt));
}

TEST_P(GraphContract, RemovedMemberTakesTheirConnectionsAlong) {
    connect({{1, 2}, {2, 3}, {1, 3}});
    remove({id(2), id(77), id(2)});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{plain(1), ids({3})}, GraphEntry{plain(3), ids({1})}));
    remove({id(2)});
    EXPECT_THAT(list(), SizeIs(2));
    connect({{2, 4}});
    EXPECT_THAT(list(1, 1), ElementsAre(GraphEntry{plain(2), ids({4})}));
}

TEST_P(GraphContract, EmptyCallsChangeNothing) {
    put({});
    set({});
    remove({});
    EXPECT_THAT(list(), IsEmpty());
    EXPECT_THAT(degrees(viewer(1), {}), IsEmpty());
}

TEST_P(GraphContract, ListPagesThroughAllAscendingWhateverOrderTheyCameIn) {
    RandomGraph random(1);
    const auto all = random.ids(50);
    put(random.members(all));
    set(random.edges(all, 0.1));
    const auto whole = list();
    ASSERT_THAT(whole, SizeIs(50));
    std::vector<GraphEntry> paged;
    for (std::int64_t after = 0;;) {
        const auto page = list(after, 7);
        EXPECT_LE(page.size(), 7U);
        paged.insert(paged.end(), page.begin(), page.end());
        if (page.size() < 7) break;
        after = page.back().member.id.value;
    }
    EXPECT_EQ(paged, whole);
    EXPECT_TRUE(std::ranges::is_sorted(whole, {}, [](const GraphEntry& entry) { return entry.member.id; }));
    for (const auto& entry : whole) EXPECT_TRUE(std::ranges::is_sorted(entry.peers));
    EXPECT_THAT(list(whole.back().member.id.value), IsEmpty());
    EXPECT_THAT(list(0, 0), IsEmpty());
}

TEST_P(GraphContract, ListSaysAllWhoeverHides) {
    put({hiding(1), hiding(2)});
    connect({{1, 2}});
    EXPECT_THAT(list(), ElementsAre(GraphEntry{hiding(1), ids({2})}, GraphEntry{hiding(2), ids({1})}));
}

// Degrees.

// [C11]
TEST_P(GraphContract, DegreesAreTheStepsOfTheShortestPathUpToThree) {
    connect({{1, 2}, {2, 3}, {3, 4}, {4, 5}, {2, 6}, {6, 4}});
    put({plain(9)});
    EXPECT_THAT(degrees(viewer(1), ids({1, 2, 3, 4, 5, 6, 9, 1234})),
                ElementsAre(0, 1, 2, 3, std::nullopt, 2, std::nullopt, std::nullopt));
}

// [C11]
TEST_P(GraphContract, DegreesComeInTheOrderAskedForAlsoTwiceAndForAHundred) {
    std::vector<GraphEdge> edges;
    std::vector<UserId> asked;
    std::vector<std::optional<int>> expected;
    for (std::int64_t i = 2; i <= 51; ++i) {
        edges.push_back({.low = id(1), .high = id(i)});
        asked.insert(asked.end(), {id(53 - i), id(1)});
        expected.insert(expected.end(), {1, 0});
    }
    set(edges);
    EXPECT_EQ(degrees(viewer(1), asked), expected);
}

// [C11]
TEST_P(GraphContract, UnknownViewerHasOnlyThemself) {
    connect({{1, 2}});
    EXPECT_THAT(degrees(viewer(9), ids({9, 1})), ElementsAre(0, std::nullopt));
    EXPECT_THAT(paths(viewer(9), 1), IsEmpty());
    EXPECT_EQ(size(viewer(9)), (NetworkSize{0, 0, 0}));
}

// [C11] [C19]
TEST_P(GraphContract, ConnectionBetweenOthersDoesNotCountWhenOneOfThemHides) {
    put({hiding(3)});
    connect({{1, 2}, {2, 3}, {3, 4}});
    EXPECT_THAT(degrees(viewer(1), ids({2, 3, 4})), ElementsAre(1, std::nullopt, std::nullopt));
    // Their own they know.
    EXPECT_THAT(degrees(viewer(3), ids({2, 4, 1})), ElementsAre(1, 1, 2));
    EXPECT_THAT(degrees(viewer(2), ids({1, 3, 4})), ElementsAre(1, 1, std::nullopt));
    put({plain(3)});
    EXPECT_THAT(degrees(viewer(1), ids({2, 3, 4})), ElementsAre(1, 2, 3));
}

// [C11]
TEST_P(GraphContract, WhoIsHiddenFromTheViewerIsNeitherSeenNorPassed) {
    connect({{1, 2}, {2, 3}, {1, 4}, {4, 5}, {5, 3}});
    EXPECT_THAT(degrees(viewer(1), ids({2, 3})), ElementsAre(1, 2));
    EXPECT_THAT(degrees(viewer(1, ids({2})), ids({2, 3})), ElementsAre(std::nullopt, 3));
    EXPECT_THAT(degrees(viewer(1, ids({3, 888})), ids({2, 3})), ElementsAre(1, std::nullopt));
}

// [C20]
TEST_P(GraphContract, NetworkSizeCountsEachMemberOnceAtTheirDegree) {
    connect({{1, 2}, {1, 3}, {2, 3}, {2, 4}, {3, 4}, {3, 5}, {4, 5}, {4, 6}, {6, 7}});
    EXPECT_EQ(size(viewer(1)), (NetworkSize{2, 2, 1}));
    EXPECT_EQ(size(viewer(1, ids({4}))), (NetworkSize{2, 1, 0}));
    put({hiding(4)});
    EXPECT_EQ(size(viewer(1)), (NetworkSize{2, 1, 0}));
}

// People you may know.

// [C14]
TEST_P(GraphContract, SuggestsThoseWithSharedConnectionsByScore) {
    connect({{1, 2}, {1, 3}, {2, 10}, {3, 10}, {2, 11}});
    put({opted_out(12)});
    const auto found = suggest(viewer(1), 2);
    ASSERT_THAT(ids_of(found), ElementsAre(id(10), id(11)));
    EXPECT_EQ(found[0].score, shared_connection_score(3) + shared_connection_score(2));
    EXPECT_EQ(found[0].shared_count, 2U);
    EXPECT_EQ(found[1].score, shared_connection_score(3));
    EXPECT_THAT(found[1].shared, ElementsAre(id(2)));
}

// [C15]
TEST_P(GraphContract, ScoreIsTheSumOfItsParts) {
    put({at(1, "turin", "music"), at(10, "turin", "music"), at(11, "turin"), at(12, "", "music"), at(13, "rome")});
    connect({{1, 2}, {2, 10}, {2, 11}, {2, 12}, {2, 13}});
    const auto shared = shared_connection_score(5);
    const auto found = suggest(viewer(1), 4);
    EXPECT_THAT(found,
                ElementsAre(Suggestion{id(10), shared + kPlaceScore + kIndustryScore, shared, 1, ids({2}), true, true},
                            Suggestion{id(11), shared + kPlaceScore, shared, 1, ids({2}), true, false},
                            Suggestion{id(12), shared + kIndustryScore, shared, 1, ids({2}), false, true},
                            Suggestion{id(13), shared, shared, 1, ids({2}), false, false}));
}

// [C15]
TEST_P(GraphContract, ShowsTheThreeSharedConnectionsOfTheHighestScoreThenOfTheLowestIds) {
    for (const std::int64_t shared : {2, 3, 4, 5, 6}) connect({{1, shared}, {shared, 10}});
    crowd(3, 4);
    crowd(6, 9);
    const auto found = suggest(viewer(1), 1).at(0);
    EXPECT_EQ(found.shared_count, 5U);
    EXPECT_EQ(found.shared, ids({2, 4, 5}));
    EXPECT_EQ(found.shared_score,
              3 * shared_connection_score(2) + shared_connection_score(6) + shared_connection_score(11));
}

// [C14]
TEST_P(GraphContract, EqualScoresGoByConnectionsThenById) {
    connect({{1, 2}, {2, 12}, {2, 11}, {2, 10}});
    crowd(11, 2);
    EXPECT_THAT(ids_of(suggest(viewer(1), 3)), ElementsAre(id(11), id(10), id(12)));
}

// [C14]
TEST_P(GraphContract, NeverSuggestsTheViewerConnectionsExcludedHiddenOrOptedOut) {
    put({opted_out(14)});
    connect({{1, 2}, {1, 3}, {2, 3}, {2, 10}, {2, 11}, {2, 12}, {2, 14}});
    EXPECT_THAT(ids_of(suggest(viewer(1, ids({11})), 20, ids({12, 500}))), ElementsAre(id(10)));
}

// [C14]
TEST_P(GraphContract, NobodyIsSuggestedForAConnectionThatIsHidden) {
    connect({{1, 2}, {1, 3}, {2, 10}, {3, 11}});
    const auto found = suggest(viewer(1, ids({2})), 1);
    EXPECT_THAT(ids_of(found), ElementsAre(id(11)));
    EXPECT_THAT(suggest(viewer(1, ids({2})), 20), Each(Field(&Suggestion::shared, Not(testing::Contains(id(2))))));
}

// [C14] [C19]
TEST_P(GraphContract, HiddenNetworksGiveNoReasonButCountInDegrees) {
    put({hiding(3), hiding(11)});
    connect({{1, 2}, {1, 3}, {2, 10}, {3, 10}, {2, 11}, {3, 12}});
    const auto found = suggest(viewer(1));
    ASSERT_THAT(ids_of(found), ElementsAre(id(10), id(11), id(12)));
    // 2 has three connections, one of them with someone who hides.
    EXPECT_EQ(found[0], (Suggestion{id(10), shared_connection_score(3), shared_connection_score(3), 1, ids({2})}));
    EXPECT_EQ(found[1], (Suggestion{id(11), 0, 0, 0, {}}));
    EXPECT_EQ(found[2], (Suggestion{id(12), 0, 0, 0, {}}));
    // The viewer's own choice hides nothing from the viewer.
    put({hiding(1)});
    EXPECT_EQ(suggest(viewer(1)), found);
}

// [C14]
TEST_P(GraphContract, FillsWithTheBestConnectedOfTheSamePlaceOrIndustry) {
    put({at(1, "turin", "music"), at(20, "turin"), at(21, "turin", "music"), at(22, "", "music"),
         at(23, "rome", "mining")});
    connect({{1, 2}, {2, 10}});
    crowd(20, 3);
    crowd(22, 2);
    crowd(23, 9);
    // Of those alike 20 and 22 have the most connections; the order is that of the scores.
    EXPECT_THAT(ids_of(suggest(viewer(1), 3)), ElementsAre(id(10), id(20), id(22)));
    EXPECT_THAT(ids_of(suggest(viewer(1), 4)), ElementsAre(id(10), id(21), id(20), id(22)));
    EXPECT_THAT(ids_of(suggest(viewer(1), 5)), ElementsAre(id(10), id(21), id(20), id(22), id(23)));
}

// [C14] [C26]
TEST_P(GraphContract, WhoHasNoConnectionsIsShownTheBestConnectedOfAll) {
    put({plain(1), plain(2), plain(30), plain(31), hiding(32)});
    crowd(30, 2);
    crowd(32, 3);
    EXPECT_THAT(ids_of(suggest(viewer(1), 3)), ElementsAre(id(32), id(30), id(2)));
    EXPECT_THAT(ids_of(suggest(viewer(999), 4)), ElementsAre(id(32), id(30), id(1), id(2)));
    EXPECT_THAT(ids_of(suggest(viewer(1), 20, ids({2}))), ElementsAre(id(32), id(30), id(31)));
}

// [C14]
TEST_P(GraphContract, SuggestsNoMoreThanTheLimitAndNoMoreThanTheMost) {
    std::vector<GraphMember> members;
    for (int i = 0; i < 250; ++i) members.push_back(plain(100 + i));
    put(members);
    connect({{1, 2}, {2, 100}, {2, 101}});
    EXPECT_THAT(suggest(viewer(1), 0), IsEmpty());
    EXPECT_THAT(ids_of(suggest(viewer(1), 1)), ElementsAre(id(100)));
    EXPECT_THAT(suggest(viewer(1), 200), SizeIs(200));
    EXPECT_THAT(suggest(viewer(1), 1000), SizeIs(Graph::kMostSuggestions));
}

// Introduction paths.

// [C17]
TEST_P(GraphContract, PathsComeByStepsThenScoreThenIds) {
    connect({{1, 9}, {1, 2}, {2, 9}, {1, 3}, {3, 9}, {1, 4}, {4, 9}, {3, 4}});
    crowd(2, 5);
    const auto found = paths(viewer(1), 9);
    EXPECT_THAT(members_of(found), ElementsAre(ids({1, 9}), ids({1, 3, 9}), ids({1, 4, 9}), ids({1, 2, 9}),
                                               ids({1, 3, 4, 9}), ids({1, 4, 3, 9})));
    EXPECT_EQ(found[0].score, 0U);
    EXPECT_EQ(found[1].score, shared_connection_score(3));
    EXPECT_EQ(found[3].score, shared_connection_score(7));
    EXPECT_EQ(found[4].score, 2 * shared_connection_score(3));
}

// [C17]
TEST_P(GraphContract, PathsAreNoLongerThanAskedForAndNoMore) {
    connect({{1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 6}, {2, 5}});
    EXPECT_THAT(members_of(paths(viewer(1), 5, 10, 3)), ElementsAre(ids({1, 2, 5})));
    EXPECT_THAT(members_of(paths(viewer(1), 5, 10, 4)), ElementsAre(ids({1, 2, 5}), ids({1, 2, 3, 4, 5})));
    EXPECT_THAT(members_of(paths(viewer(1), 5, 1, 4)), ElementsAre(ids({1, 2, 5})));
    EXPECT_THAT(paths(viewer(1), 5, 0, 4), IsEmpty());
    EXPECT_THAT(paths(viewer(1), 3, 10, 1), IsEmpty());
    EXPECT_THAT(paths(viewer(1), 2, 10, 0), IsEmpty());
    EXPECT_THAT(members_of(paths(viewer(1), 2, 10, 1)), ElementsAre(ids({1, 2})));
    // A limit above the most is the most.
    std::vector<GraphEdge> edges;
    for (std::int64_t i = 100; i < 120; ++i) edges.insert(edges.end(), {{id(1), id(i)}, {id(i), id(50)}});
    set(edges);
    EXPECT_THAT(paths(viewer(1), 50, 100), SizeIs(Graph::kMostPaths));
}

// [C17]
TEST_P(GraphContract, NoPathLeadsToTheViewerTheUnknownOrTheHidden) {
    connect({{1, 2}, {2, 3}, {3, 1}});
    EXPECT_THAT(paths(viewer(1), 1), IsEmpty());
    EXPECT_THAT(paths(viewer(1), 77), IsEmpty());
    EXPECT_THAT(paths(viewer(1, ids({3})), 3), IsEmpty());
    EXPECT_THAT(members_of(paths(viewer(1, ids({2})), 3)), ElementsAre(ids({1, 3})));
}

// [C17] [C19]
TEST_P(GraphContract, PathsLeadThroughNobodyWhoHidesTheirNetwork) {
    connect({{1, 2}, {2, 9}, {1, 3}, {3, 4}, {4, 9}, {1, 5}, {5, 6}, {6, 7}, {7, 9}});
    put({hiding(2), hiding(6)});
    EXPECT_THAT(members_of(paths(viewer(1), 9)), ElementsAre(ids({1, 3, 4, 9})));
    EXPECT_THAT(members_of(paths(viewer(1), 2)), ElementsAre(ids({1, 2})));
    EXPECT_THAT(paths(viewer(1), 6), IsEmpty());
    // The viewer's own connections are known to the viewer, who hides them only from others.
    put({hiding(1)});
    EXPECT_THAT(members_of(paths(viewer(1), 9)), ElementsAre(ids({1, 3, 4, 9})));
    EXPECT_THAT(paths(viewer(9), 1), IsEmpty());
}

// Random graphs against the reference.

// [C11] [C17] [C20] [C19]
TEST_P(GraphContract, EqualsTheReferenceOnRandomGraphs) {
    for (int round = 0; round < cases(3000, 30); ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        RandomGraph random(static_cast<unsigned>(round));
        start();
        ReferenceGraph reference;
        const auto all = random.ids(3 + random.below(11));
        const auto members = random.members(all);
        const auto edges = random.edges(all, 0.1 + 0.05 * static_cast<double>(random.below(9)));
        put(members);
        set(edges);
        reference.put_members(members);
        reference.set_edges(edges);
        ASSERT_EQ(list(), reference.list(UserId{}, 100));
        for (int question = 0; question < 4; ++question) {
            const UserId me = random.one(all);
            const Viewer who{.id = me, .hidden = random.chance(0.5) ? random.some(all, 0.15, me) : Ids{}};
            const Ids excluded = random.some(all, 0.2, me);
            const UserId target = random.one(all);
            const std::size_t limit = random.below(12);
            const int hops = 1 + static_cast<int>(random.below(4));
            ASSERT_EQ(degrees(who, all), reference.degrees(who, all));
            ASSERT_EQ(size(who), reference.network_size(who));
            ASSERT_EQ(suggest(who, limit, excluded), reference.suggest(who, excluded, limit));
            ASSERT_EQ(paths(who, target.value, 10, hops), reference.paths(who, target, 10, hops))
                << me.value << " to " << target.value;
            ASSERT_EQ(paths(who, target.value, limit % 4, 4), reference.paths(who, target, limit % 4, 4));
        }
    }
}

TEST_P(GraphContract, EqualsTheReferenceAfterAnyChanges) {
    RandomGraph random(42);
    ReferenceGraph reference;
    const auto all = random.ids(25);
    for (int step = 0; step < cases(5000, 150); ++step) {
        SCOPED_TRACE("step " + std::to_string(step));
        const auto some = random.some(all, 0.2, UserId{});
        if (const auto kind = random.below(10); kind == 0) {
            const auto members = random.members(some);
            put(members);
            reference.put_members(members);
        } else if (kind == 1) {
            const std::vector<UserId> gone{random.one(all)};
            remove(gone);
            reference.remove_members(gone);
        } else {
            auto edges = random.edges(some, 0.5);
            for (auto& edge : edges) edge.is_connected = random.chance(0.6);
            set(edges);
            reference.set_edges(edges);
        }
        ASSERT_EQ(list(), reference.list(UserId{}, 100));
        const Viewer who{.id = random.one(all), .hidden = {}};
        ASSERT_EQ(degrees(who, all), reference.degrees(who, all));
        ASSERT_EQ(suggest(who, 5), reference.suggest(who, {}, 5));
    }
}

// [C14] [C16]
TEST_P(GraphContract, NobodyDismissedBlockedInvitedOrOptedOutIsEverSuggested) {
    RandomGraph random(7);
    ReferenceGraph reference;
    const auto all = random.ids(60);
    const auto members = random.members(all);
    const auto edges = random.edges(all, 0.08);
    put(members);
    set(edges);
    reference.put_members(members);
    reference.set_edges(edges);
    std::size_t suggested = 0;
    for (int round = 0; round < cases(100'000, 200); ++round) {
        if (round % 100 == 99) {
            const std::vector<GraphMember> changed{random.member(random.one(all))};
            const std::vector<GraphEdge> edge{{random.one(all), random.one(all), random.chance(0.5)}};
            put(changed);
            set(edge);
            reference.put_members(changed);
            reference.set_edges(edge);
        }
        const UserId me = random.one(all);
        const Viewer who{.id = me, .hidden = random.some(all, 0.1, me)};
        const Ids excluded = random.some(all, 0.3, me);
        const auto peers = reference.peers_of(me);
        for (const auto& suggestion : suggest(who, 1 + random.below(60), excluded)) {
            ASSERT_NE(suggestion.id, me);
            ASSERT_FALSE(contains(excluded, suggestion.id));
            ASSERT_FALSE(contains(who.hidden, suggestion.id));
            ASSERT_FALSE(peers.contains(suggestion.id));
            ASSERT_TRUE(reference.members().at(suggestion.id).is_suggestable);
            ++suggested;
        }
    }
    EXPECT_GT(suggested, static_cast<std::size_t>(cases(100'000, 200)));
}

// [C15]
TEST_P(GraphContract, PartsOfEachScoreAreRecomputedFromTheGraph) {
    RandomGraph random(11);
    const auto all = random.ids(40);
    put(random.members(all));
    set(random.edges(all, 0.15));
    std::map<UserId, GraphEntry> graph_said;
    for (auto& entry : list()) graph_said[entry.member.id] = entry;
    for (const UserId me : all) {
        const auto& mine = graph_said[me];
        for (const auto& suggestion : suggest({.id = me, .hidden = {}}, 40)) {
            const auto& theirs = graph_said[suggestion.id];
            double exact = 0;
            std::uint32_t shared = 0;
            for (const UserId peer : mine.peers) {
                const auto& between = graph_said[peer];
                if (!contains(theirs.peers, peer) || between.member.hides_network || theirs.member.hides_network)
                    continue;
                exact += 1 / std::log(static_cast<double>(between.peers.size()));
                ++shared;
            }
            EXPECT_EQ(suggestion.shared_count, shared);
            EXPECT_NEAR(suggestion.shared_score, 10'000 * exact, 0.5 * shared + 1e-6);
            EXPECT_EQ(suggestion.is_same_place, !mine.member.place.empty() && mine.member.place == theirs.member.place);
            EXPECT_EQ(suggestion.is_same_industry,
                      !mine.member.industry.empty() && mine.member.industry == theirs.member.industry);
            EXPECT_EQ(suggestion.score, suggestion.shared_score + (suggestion.is_same_place ? 2'500 : 0) +
                                            (suggestion.is_same_industry ? 2'500 : 0));
            EXPECT_EQ(suggestion.shared.size(), std::min<std::size_t>(3, shared));
            for (const UserId peer : suggestion.shared)
                EXPECT_TRUE(contains(mine.peers, peer) && contains(theirs.peers, peer));
        }
    }
}

}  // namespace
}  // namespace guildhall::connection
