// The graph in memory beyond what all graphs do: bounds, threads, readiness.
#include "services/connection/graph/memory_graph.hpp"

#include <atomic>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/connection/graph/graph_questions.hpp"
#include "support/databases.hpp"
#include "support/random_graph.hpp"
#include "support/reference_graph.hpp"

namespace guildhall::connection {
namespace {

using guildhall::test::TestLoop;
using test::RandomGraph;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr UserId id(std::int64_t value) { return UserId{value}; }
GraphEdge edge(std::int64_t a, std::int64_t b, bool is_connected = true) {
    return {.low = id(a), .high = id(b), .is_connected = is_connected};
}
Viewer viewer(std::int64_t value) { return {.id = id(value), .hidden = {}}; }

TEST(MemoryGraph, AnswersNothingUntilItIsReadyButTakesChanges) {
    Pool pool("graph", 2, 8);
    MemoryGraph graph(pool);
    TestLoop loop;
    loop.run(graph.set_edges({edge(1, 2)}));
    EXPECT_THAT(loop.run(graph.list(UserId{}, 10)), SizeIs(2));
    EXPECT_THROW(loop.run(graph.degrees(viewer(1), {id(2)})), Unavailable);
    EXPECT_THROW(loop.run(graph.suggest(viewer(1), {}, 1)), Unavailable);
    EXPECT_THROW(loop.run(graph.paths(viewer(1), id(2), 1, 4)), Unavailable);
    EXPECT_THROW(loop.run(graph.network_size(viewer(1))), Unavailable);
    graph.set_ready();
    EXPECT_THAT(loop.run(graph.degrees(viewer(1), {id(2)})), ElementsAre(1));
}

TEST(MemoryGraph, SmallQuestionsStayOnTheCallersThreadAndLargeOnesLeaveIt) {
    Pool pool("graph", 2, 8);
    MemoryGraph graph(pool);
    graph.set_ready();
    TestLoop loop;
    // 1 knows a hub of 30,000; 2 knows one person.
    for (std::int64_t from = 100; from < 30'100; from += 1000) {
        std::vector<GraphEdge> edges;
        for (std::int64_t i = from; i < from + 1000; ++i) edges.push_back(edge(3, i));
        loop.run(graph.set_edges(std::move(edges)));
    }
    loop.run(graph.set_edges({edge(1, 3), edge(2, 4)}));
    // The pool is full, so what needs it is refused.
    std::promise<void> end;
    auto until_end = end.get_future().share();
    for (int i = 0; i < 2 + 8; ++i) {
        pool.enter();
        boost::asio::post(pool.threads(), [&pool, until_end] {
            until_end.wait();
            pool.leave();
        });
    }
    EXPECT_THROW(loop.run(graph.suggest(viewer(1), {}, 3)), Unavailable);
    EXPECT_THROW(loop.run(graph.network_size(viewer(1))), Unavailable);
    EXPECT_THROW(loop.run(graph.set_edges({edge(1, 2)})), Unavailable);
    EXPECT_THAT(loop.run(graph.degrees(viewer(2), {id(4), id(100)})), ElementsAre(1, std::nullopt));
    EXPECT_THAT(loop.run(graph.paths(viewer(2), id(4), 3, 4)), SizeIs(1));
    end.set_value();
    while (pool.load() > 0) std::this_thread::yield();
    EXPECT_THAT(loop.run(graph.suggest(viewer(1), {}, 3)), SizeIs(3));
}

/// 1 and 2 each know `count` members, from 1,000 and from 2,000 up, the n-th of whom knows n more; each of those of 1
/// also knows 50 + n.
CompactGraph two_stars(std::int64_t count) {
    CompactGraph graph;
    std::vector<GraphEdge> edges;
    std::int64_t next = 100'000;
    for (std::int64_t n = 0; n < count; ++n) {
        edges.push_back(edge(1, 1000 + n));
        edges.push_back(edge(2, 2000 + n));
        edges.push_back(edge(1000 + n, 50 + n));
        for (std::int64_t i = 0; i < n; ++i) {
            edges.push_back(edge(1000 + n, next++));
            edges.push_back(edge(2000 + n, next++));
        }
        edges.push_back(edge(1000 + n, 2000 + n));
    }
    graph.set_edges(edges);
    return graph;
}

// [C14]
TEST(GraphBudget, SuggestionsComeOfTheSharedConnectionsThatCountMostAndAreExactAllTheSame) {
    const CompactGraph graph = two_stars(40);
    const auto whole = suggest_in(graph, viewer(1), {}, 200);
    // The row of the n-th has n + 3 entries: enough for the first ten.
    const auto some = suggest_in(graph, viewer(1), {}, 10, 10 * 3 + 45);
    EXPECT_EQ(some, std::vector(whole.begin(), whole.begin() + 10));
    // One visit less, and the tenth is left out with all that it would have brought.
    for (const auto& suggestion : suggest_in(graph, viewer(1), {}, 18, 10 * 3 + 44))
        EXPECT_NE(suggestion.shared, Ids{id(1009)});
}

// [C14]
TEST(GraphBudget, ScorePartsCountSharedConnectionsThatTheSearchLeftOut) {
    CompactGraph graph;
    std::vector<GraphEdge> edges{edge(1, 2), edge(1, 3), edge(2, 9), edge(3, 9)};
    for (std::int64_t i = 0; i < 100; ++i) edges.push_back(edge(3, 1000 + i));
    graph.set_edges(edges);
    const auto found = suggest_in(graph, viewer(1), {}, 1, 50);
    EXPECT_THAT(found, ElementsAre(Suggestion{id(9), shared_connection_score(2) + shared_connection_score(102),
                                              shared_connection_score(2) + shared_connection_score(102), 2,
                                              Ids{id(2), id(3)}}));
}

// [C17]
TEST(GraphBudget, PathsLeaveOutStepsThroughTheBestConnected) {
    const CompactGraph graph = two_stars(40);
    const auto whole = paths_in(graph, viewer(1), id(2), 10, 3);
    ASSERT_THAT(whole, SizeIs(10));
    EXPECT_EQ(paths_in(graph, viewer(1), id(2), 10, 3, 10 * 3 + 45), whole);
    EXPECT_EQ(paths_in(graph, viewer(1), id(2), 10, 3, 5 * 3 + 10), std::vector(whole.begin(), whole.begin() + 5));
    EXPECT_THAT(paths_in(graph, viewer(1), id(2), 10, 3, 0), IsEmpty());
}

// [C20]
TEST(GraphBudget, SizesThatAreTooManyToCountAreNotSaid) {
    const CompactGraph graph = two_stars(10);
    const auto whole = network_size_in(graph, viewer(1));
    ASSERT_TRUE(whole.third);
    const std::size_t second_step = 10 * 3 + 45;
    EXPECT_EQ(network_size_in(graph, viewer(1), second_step - 1), (NetworkSize{10, std::nullopt, std::nullopt}));
    const auto second_only = network_size_in(graph, viewer(1), second_step);
    EXPECT_EQ(second_only, (NetworkSize{10, whole.second, std::nullopt}));
}

// [C11]
TEST(GraphBudget, DegreesOfSomebodyWithThirtyThousandConnectionsAreExact) {
    // 1 knows 30,000; 5 knows 100 who each know one of those: three steps, found from either side.
    CompactGraph graph;
    for (std::int64_t i = 0; i < 30'000; ++i) graph.set_edges(std::vector{edge(1, 1000 + i)});
    for (std::int64_t i = 0; i < 100; ++i) graph.set_edges(std::vector{edge(5, 500 + i), edge(500 + i, 1000 + i)});
    graph.set_edges(std::vector{edge(6, 7), edge(7, 8), edge(8, 9)});
    EXPECT_THAT(degrees_in(graph, viewer(1), {id(1000), id(500), id(5), id(7), id(1)}),
                ElementsAre(1, 2, 3, std::nullopt, 0));
    EXPECT_THAT(degrees_in(graph, viewer(5), {id(1), id(1000), id(1200)}), ElementsAre(3, 2, std::nullopt));
}

TEST(MemoryGraph, ADegreeInMemoryIsTheOneThatIsAskedForUntilTheGraphChanges) {
    Pool pool("graph", 2, 8);
    MemoryGraph graph(pool);
    TestLoop loop;
    RandomGraph random(5);
    const std::vector<UserId> ids = random.ids(60);
    std::vector<GraphEdge> edges;
    for (const UserId a : ids)
        for (const UserId b : ids)
            if (a < b && random.chance(0.04)) edges.push_back({a, b});
    loop.run(graph.set_edges(edges));
    loop.run(graph.put_members({{ids[3], "", "", true}, {ids[17], "", "", true}}));
    EXPECT_FALSE(graph.cached_degree(ids[0], ids[1]).has_value());
    graph.set_ready();
    for (const UserId viewer : ids) {
        EXPECT_FALSE(graph.cached_degree(viewer, ids[1]).has_value());
        const auto asked = loop.run(graph.degrees({viewer, {}}, ids));
        for (std::size_t i = 0; i < ids.size(); ++i)
            EXPECT_EQ(graph.cached_degree(viewer, ids[i]), CachedDegree(asked[i]));
    }
    loop.run(graph.set_edges({edge(1, 2)}));
    EXPECT_FALSE(graph.cached_degree(ids[0], ids[1]).has_value());
}

TEST(MemoryGraph, ANewcomerDoesNotTakeThePlaceOfOneWhoHasGone) {
    Pool pool("graph", 2, 8);
    MemoryGraph graph(pool, std::chrono::hours(1));
    graph.set_ready();
    TestLoop loop;
    loop.run(graph.set_edges({edge(1, 2), edge(2, 3)}));
    EXPECT_THAT(loop.run(graph.degrees(viewer(1), {id(3)})), ElementsAre(2));  // kept from now on
    loop.run(graph.remove_members({id(3)}));
    loop.run(graph.set_edges({edge(8, 9)}));
    EXPECT_THAT(loop.run(graph.degrees(viewer(1), {id(3), id(8), id(9)})),
                ElementsAre(std::nullopt, std::nullopt, std::nullopt));
}

TEST(MemoryGraph, ReadersSeeEachChangeWholeWhileWritersGoOn) {
    Pool pool("graph", 2, 64);
    MemoryGraph graph(pool);
    graph.set_ready();
    TestLoop start;
    // 1-2-3 and 1-4-3: the writer turns one way off and the other on in one call, so that 3 always stays two steps
    // away.
    start.run(graph.set_edges({edge(1, 2), edge(2, 3), edge(4, 3)}));
    const guildhall::test::TemporaryFolder folder;
    std::atomic<bool> is_over{false};
    std::atomic<int> asked{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            TestLoop loop;
            while (!is_over) {
                EXPECT_THAT(loop.run(graph.degrees(viewer(1), {id(3)})), ElementsAre(2));
                EXPECT_THAT(loop.run(graph.paths(viewer(1), id(3), 10, 2)), SizeIs(1));
                EXPECT_EQ(loop.run(graph.suggest(viewer(1), {}, 1)).at(0).id, id(3));
                ++asked;
            }
        });
    }
    std::thread saver([&] {
        while (!is_over) graph.save(folder.path() / "graph");
    });
    RandomGraph random(5);
    const auto others = random.ids(200);
    for (int round = 0; round < 300 || asked < 300; ++round) {
        const bool is_first = round % 2 == 0;
        auto edges = std::vector{edge(1, 2, !is_first), edge(1, 4, is_first)};
        // Elsewhere, so that rows move and grow.
        for (int i = 0; i < 50; ++i) {
            const UserId a{random.one(others).value + 1'000'000};
            const UserId b{random.one(others).value + 1'000'000};
            edges.push_back({a, b, random.chance(0.5)});
        }
        start.run(graph.set_edges(std::move(edges)));
        if (round % 50 == 0) start.run(graph.remove_members({UserId{random.one(others).value + 1'000'000}}));
    }
    is_over = true;
    saver.join();
    for (auto& reader : readers) reader.join();
}

TEST(MemoryGraph, ReadingWithoutAPauseKeepsNoChangeOut) {
    WriterFirstMutex mutex;
    std::atomic<bool> is_over{false};
    std::vector<std::thread> readers;
    // Their turns overlap: there is never a moment without a reader.
    for (int i = 0; i < 4; ++i) {
        readers.emplace_back([&] {
            while (!is_over) {
                const std::shared_lock lock(mutex);
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
    }
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 50; ++i) {
        const std::unique_lock lock(mutex);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    is_over = true;
    for (auto& reader : readers) reader.join();
}

TEST(CompactGraph, NumbersOfThoseWhoAreGoneAreGivenAgain) {
    CompactGraph graph;
    for (std::int64_t round = 0; round < 100; ++round) {
        graph.set_edges(std::vector{edge(3 * round + 1, 3 * round + 2), edge(3 * round + 2, 3 * round + 3)});
        graph.remove_members(std::vector{id(3 * round + 1), id(3 * round + 2), id(3 * round + 3)});
    }
    EXPECT_EQ(graph.capacity(), 3U);
    EXPECT_EQ(graph.count(), 0U);
    EXPECT_EQ(graph.directions(), 0U);
}

TEST(CompactGraph, TextsThatNobodyHasAnyMoreAreForgotten) {
    TextPool texts;
    const auto turin = texts.add("turin");
    EXPECT_EQ(texts.add("turin"), turin);
    EXPECT_EQ(texts.add(""), 0U);
    texts.remove(turin);
    EXPECT_EQ(texts.text(turin), "turin");
    texts.remove(turin);
    EXPECT_EQ(texts.add("rome"), turin);
    EXPECT_EQ(texts.text(turin), "rome");
    EXPECT_EQ(texts.text(0), "");
}

}  // namespace
}  // namespace guildhall::connection
