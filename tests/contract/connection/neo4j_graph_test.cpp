// What is special to the graph in Neo4j; what all graphs have in common: graph_contract_test.cpp.

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "support/neo4j.hpp"

namespace guildhall::connection::test {
namespace {

using guildhall::test::await;
using guildhall::test::Neo4jClient;
using guildhall::test::Neo4jServer;
using guildhall::test::Neo4jTestGraph;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

class Neo4jGraphTest : public testing::Test {
protected:
    void SetUp() override {
        if (guildhall::test::neo4j_url() == nullptr)
            GTEST_SKIP() << "no server: tests/engines/up-neo4j starts one, and ./test does";
        own.emplace();
    }
    Graph& graph() { return own->graph(); }
    std::int64_t number(const std::string& cypher) { return own->connection().number(cypher); }

    std::optional<Neo4jTestGraph> own;
};

GraphMember member(std::int64_t id) { return {.id = UserId{id}, .place = {}, .industry = {}}; }
GraphEdge edge(std::int64_t low, std::int64_t high, bool is_connected = true) {
    return {UserId{low}, UserId{high}, is_connected};
}

/// The score of `degree` in Cypher, with `unit` a variable.
std::string score_cypher() { return std::string(kScoreOfDegreeCypher).erase(kScoreOfDegreeCypher.find('$'), 1); }

/// Runs each of `works` on a thread of its own; rethrows what one of them threw.
void at_once(const std::vector<std::function<void()>>& works) {
    std::vector<std::exception_ptr> failures(works.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < works.size(); ++i) {
            threads.emplace_back([&, i] {
                try {
                    works[i]();
                } catch (...) {
                    failures[i] = std::current_exception();
                }
            });
        }
    }
    for (const auto& failure : failures) {
        if (failure) std::rethrow_exception(failure);
    }
}

/// All that can be asked and told, of which each should throw Unavailable; how many do, and how long the longest took.
std::pair<int, Steady::duration> ask_everything(Graph& graph) {
    int unavailable = 0;
    Steady::duration longest{};
    const auto attempt = [&](auto task) {
        const auto start = Steady::now();
        try {
            await(std::move(task));
        } catch (const Unavailable&) {
            ++unavailable;
        }
        longest = std::max(longest, Steady::now() - start);
    };
    attempt(graph.put_members({member(1)}));
    attempt(graph.remove_members({UserId{1}}));
    attempt(graph.set_edges({edge(1, 2)}));
    attempt(graph.list({}, 10));
    attempt(graph.degrees({UserId{1}, {}}, {UserId{2}}));
    attempt(graph.suggest({UserId{1}, {}}, {}, 10));
    attempt(graph.paths({UserId{1}, {}}, UserId{2}, 3, 4));
    attempt(graph.network_size({UserId{1}, {}}));
    return {unavailable, longest};
}
constexpr int kEverything = 8;

TEST_F(Neo4jGraphTest, ConstraintAndIndexesStandAfterTheFirstCall) {
    await(graph().put_members({member(1)}));
    EXPECT_EQ(number("SHOW CONSTRAINTS YIELD labelsOrTypes, type WHERE labelsOrTypes = ['" + own->label() +
                     "'] AND type = 'UNIQUENESS' RETURN count(*)"),
              1);
    EXPECT_EQ(number("SHOW INDEXES YIELD labelsOrTypes, state WHERE labelsOrTypes = ['" + own->label() +
                     "'] AND state = 'ONLINE' RETURN count(*)"),
              4);
}

TEST_F(Neo4jGraphTest, ProcessesThatStartAtOnceMakeTheIndexesTogether) {
    Neo4jGraphOptions options = own->options();
    options.prefix = "Together" + std::to_string(::getpid()) + "_";
    std::vector<std::function<void()>> starts;
    for (int i = 0; i < 4; ++i) {
        starts.emplace_back([&options] {
            Neo4jClient client(guildhall::test::neo4j_url());
            Neo4jGraph graph(client.client, options);
            await(graph.set_edges({edge(1, 2)}));
        });
    }
    at_once(starts);
    EXPECT_EQ(number("MATCH (:" + options.prefix + "Member)-[r]->() RETURN count(r)"), 1);
    own->connection().run("MATCH (m:" + options.prefix + "Member) DETACH DELETE m");
    own->connection().run("DROP CONSTRAINT " + options.prefix + "graph_member_id");
    for (const char* name : {"place", "industry", "degree"})
        own->connection().run("DROP INDEX " + options.prefix + "graph_member_" + name);
}

TEST_F(Neo4jGraphTest, APrefixThatCouldBeCypherIsRefused) {
    for (const char* prefix : {"1", "a b", "a`", "_a", "ä", "a:b", "a)"}) {
        Neo4jGraphOptions options;
        options.prefix = prefix;
        EXPECT_THROW(Neo4jGraph(own->connection().client, options), std::invalid_argument) << prefix;
    }
}

TEST_F(Neo4jGraphTest, TextsAreNeverCypher) {
    await(graph().put_members({member(1)}));
    GraphMember odd = member(2);
    odd.place = "x'}) DETACH DELETE n // \" \\ $members ` ";
    odd.industry = std::string("žofie 👩🏽‍🚀 \0 end", 24);
    await(graph().put_members({odd}));
    const auto listed = await(graph().list({}, 10));
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[1].member, odd);
}

TEST_F(Neo4jGraphTest, IdsOf64BitsStayWhatTheyAre) {
    await(graph().set_edges({edge(INT64_MAX - 1, INT64_MAX)}));
    const auto listed = await(graph().list(UserId{INT64_MAX - 2}, 10));
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].peers, Ids{UserId{INT64_MAX}});
}

TEST_F(Neo4jGraphTest, TheScoreOfEachDegreeIsThatOfTheFormula) {
    constexpr std::size_t kMost = 100'000, kStep = 50'000;  // as many rows as JSON may have
    for (std::size_t first = 0; first <= kMost; first += kStep) {
        const std::string range = std::to_string(first) + ", " + std::to_string(first + kStep - 1);
        const auto scores = own->connection()
                                .run("WITH " + std::to_string(kScoreUnit) + " AS unit UNWIND range(" + range +
                                     ") AS degree RETURN " + score_cypher())
                                .rows<std::uint32_t>(0);
        ASSERT_EQ(scores.size(), kStep);
        for (std::size_t i = 0; i < kStep; ++i) ASSERT_EQ(scores[i], shared_connection_score(first + i)) << first + i;
    }
}

TEST_F(Neo4jGraphTest, WritersAtOnceLeaveOneConnectionAPairAndDegreesThatAreRight) {
    constexpr int kMembers = 12, kWriters = 4, kRounds = 15;
    std::vector<std::function<void()>> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
        writers.emplace_back([this, writer] {
            Neo4jClient client(guildhall::test::neo4j_url());
            Neo4jGraph same(client.client, own->options());
            std::mt19937 random(writer);
            for (int round = 0; round < kRounds; ++round) {
                std::vector<GraphEdge> edges;
                for (int i = 0; i < 10; ++i)
                    edges.push_back(edge(1 + random() % kMembers, 1 + random() % kMembers, random() % 3 > 0));
                await(same.set_edges(edges));
                if (round % 5 == 4)
                    await(same.remove_members({UserId{static_cast<std::int64_t>(1 + random() % kMembers)}}));
                if (round % 3 == 0)
                    await(same.put_members({member(1 + random() % kMembers), member(1 + random() % kMembers)}));
            }
        });
    }
    at_once(writers);
    const std::string all = "MATCH (m:" + own->label() + ") ";
    EXPECT_GT(number(all + "RETURN sum(m.degree)"), 0);
    EXPECT_EQ(number(all + "WHERE m.degree <> COUNT { (m)--() } RETURN count(m)"), 0);
    EXPECT_EQ(number(all + "WHERE m.degree <> COUNT { MATCH (m)--(peer) RETURN DISTINCT peer } RETURN count(m)"), 0);
    EXPECT_EQ(number(all + "RETURN count(m) - count(DISTINCT m.id)"), 0);
    EXPECT_EQ(number(all + "WITH m, m.degree AS degree WITH m, degree, 10000 AS unit WHERE m.score <> " +
                     score_cypher() + " RETURN count(m)"),
              0);
}

TEST_F(Neo4jGraphTest, MembersWithManyConnectionsAreListedInSeveralRequests) {
    std::vector<GraphEdge> edges;
    for (int i = 2; i <= 30; ++i) edges.push_back(edge(1, i));
    for (int i = 3; i <= 30; ++i) edges.push_back(edge(2, i));
    await(graph().set_edges(edges));
    Neo4jGraphOptions options = own->options();
    options.most_listed_connections = 10;
    Neo4jGraph careful(own->connection().client, options);
    for (const std::size_t limit : {1U, 2U, 7U, 29U, 30U, 31U, 1000U}) {
        const auto listed = await(careful.list({}, limit));
        EXPECT_EQ(listed.size(), std::min<std::size_t>(limit, 30));
        EXPECT_EQ(listed, await(graph().list({}, limit)));
    }
    EXPECT_TRUE(await(careful.list(UserId{30}, 5)).empty());
}

TEST_F(Neo4jGraphTest, ANetworkBeyondTheBoundIsNotCounted) {
    std::vector<GraphEdge> edges;
    for (int i = 2; i <= 6; ++i) edges.insert(edges.end(), {edge(1, i), edge(i, 10 + i), edge(10 + i, 20 + i)});
    await(graph().set_edges(edges));
    const Viewer viewer{UserId{1}, {}};
    const auto size_within = [&](std::size_t most) {
        Neo4jGraphOptions options = own->options();
        options.most_connections = most;
        Neo4jGraph bounded(own->connection().client, options);
        return await(bounded.network_size(viewer));
    };
    EXPECT_EQ(size_within(1000), (NetworkSize{5, 5, 5}));
    EXPECT_EQ(size_within(9), (NetworkSize{5, std::nullopt, std::nullopt}));
}

TEST(Neo4jAway, AnEngineThatIsNotThereIsUnavailableAtOnce) {
    http::Client http;
    neo4j::Client client(http, neo4j::parse_url("http://neo4j:password@127.0.0.1:9"));
    Neo4jGraph graph(client);
    const auto [unavailable, longest] = ask_everything(graph);
    EXPECT_EQ(unavailable, kEverything);
    EXPECT_LT(longest, 1s);
}

TEST_F(Neo4jGraphTest, AnEngineThatStopsIsUnavailableAndKeepsWhatItWasTold) {
    Neo4jServer server;
    Neo4jClient client(server.url());
    Neo4jGraphOptions options;
    options.read_deadline = options.write_deadline = 60s;
    Neo4jGraph patient(client.client, options);
    await(patient.set_edges({edge(1, 2), edge(2, 3)}));
    options.read_deadline = options.write_deadline = 500ms;
    Neo4jGraph hasty(client.client, options);

    server.pause();
    const auto [frozen, longest_frozen] = ask_everything(hasty);
    EXPECT_EQ(frozen, kEverything);
    EXPECT_LT(longest_frozen, 2s);
    server.resume();
    server.kill();
    const auto [gone, longest_gone] = ask_everything(hasty);
    EXPECT_EQ(gone, kEverything);
    EXPECT_LT(longest_gone, 2s);

    server.start();
    const auto knows_again = [&] {
        try {
            return await(patient.list({}, 10)).size() == 3;
        } catch (const Unavailable&) {
            return false;  // the breaker stays open for a moment
        }
    };
    EXPECT_TRUE(guildhall::test::wait_until(knows_again));
    EXPECT_EQ(await(patient.degrees({UserId{1}, {}}, {UserId{3}})), std::vector{std::optional(2)});
}

}  // namespace
}  // namespace guildhall::connection::test
