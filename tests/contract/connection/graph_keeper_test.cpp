// The graph kept like the tables: by events, and by comparing.
#include "services/connection/graph_keeper.hpp"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/connection_world.hpp"

namespace guildhall::connection {
namespace {

using test::World;

class GraphKeeperContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto missing = guildhall::test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        world = std::make_unique<World>(GetParam());
        world->graph.set_ready();
    }

    GraphKeeper& keeper() { return world->module->graph_keeper(); }
    GraphReport compare(bool repairs) { return world->run(keeper().compare(repairs)); }
    std::vector<GraphEntry> graph() { return world->run(world->graph.list({}, Graph::kMostChanges)); }
    std::optional<int> degree(UserId me, UserId other) {
        return world->run(world->graph.degrees({me, {}}, {other})).front();
    }
    void set(std::vector<GraphEdge> edges) { world->run(world->graph.set_edges(std::move(edges))); }
    void put(std::vector<GraphMember> members) { world->run(world->graph.put_members(std::move(members))); }

    std::unique_ptr<World> world;
};

INSTANTIATE_TEST_SUITE_P(, GraphKeeperContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return std::string(engine.param); });

// [C27]
TEST_P(GraphKeeperContract, AnEventMakesTheGraphSayWhatTheTablesSayNow) {
    const auto [low, high] = PairKey::of(world->member(), world->member());
    world->connect(low, high);
    world->deliver(Connected{low, high, low});
    EXPECT_EQ(degree(low, high), 1);
    ASSERT_TRUE(world->run(world->service().disconnect(world->as(low), high)));
    // The same event again, late: the tables know better.
    world->deliver(Connected{low, high, low});
    EXPECT_EQ(degree(low, high), std::nullopt);
}

// [C27]
TEST_P(GraphKeeperContract, ComparingFindsEachFaultAndRepairingMendsIt) {
    auto people = world->members(6);
    std::ranges::sort(people);
    world->connect(people[0], people[1]);
    world->connect(people[1], people[2]);
    set({{people[0], people[1], true}, {people[3], people[4], true}});
    put({{people[1], "elsewhere", "", false, true}});
    GraphReport report = compare(false);
    EXPECT_EQ(report.connections, 2);
    EXPECT_EQ(report.missing_connections, 1);
    EXPECT_EQ(report.extra_members, 2);
    EXPECT_GE(report.stale_members, 1);
    EXPECT_FALSE(report.is_clean());
    EXPECT_EQ(degree(people[1], people[2]), std::nullopt) << "only a repair changes anything";

    compare(true);
    report = compare(false);
    EXPECT_TRUE(report.is_clean()) << json::to_json(report);
    EXPECT_EQ(degree(people[1], people[2]), 1);
    EXPECT_EQ(degree(people[3], people[4]), std::nullopt);

    set({{people[0], people[2], true}, {people[0], people[1], false}});
    report = compare(true);
    EXPECT_EQ(report.extra_connections, 1);
    EXPECT_EQ(report.missing_connections, 1);
    EXPECT_EQ(degree(people[0], people[1]), 1);
    EXPECT_EQ(degree(people[0], people[2]), 2);
}

// [C27]
TEST_P(GraphKeeperContract, AConnectionOfWhichOneSideIsLostIsWholeAgain) {
    const UserId a = world->member("Ada Lovelace");
    const UserId b = world->member("Béla Bartók");
    const UserId c = world->member("Clara Schumann");
    world->connect(a, b);
    world->database.execute_script("DELETE FROM connections WHERE user_id = " + std::to_string(b.value));
    // A side that no pair knows of goes.
    world->database.execute_script("INSERT INTO connections (user_id, peer_id, connected_at, sort_name) VALUES (" +
                                   std::to_string(a.value) + ", " + std::to_string(c.value) + ", 1, 'clara schumann')");
    EXPECT_EQ(compare(false).one_sided_connections, 2);
    EXPECT_EQ(compare(true).one_sided_connections, 2);
    EXPECT_TRUE(compare(false).is_clean());
    const auto of_b = world->run(world->service().list_connections(world->as(b), {}));
    ASSERT_EQ(of_b->items.size(), 1U);
    EXPECT_EQ(of_b->items[0].user.id, a);
    const auto of_a = world->run(world->service().list_connections(world->as(a), {}));
    ASSERT_EQ(of_a->items.size(), 1U);
    EXPECT_EQ(of_a->items[0].user.id, b);
}

// [C27]
TEST_P(GraphKeeperContract, MoreThanAPageOfMembersIsComparedWhole) {
    const auto people = world->members(450);
    for (std::size_t i = 1; i < people.size(); i += 3) world->connect(people[i - 1], people[i]);
    EXPECT_EQ(compare(true).connections, 150);
    EXPECT_TRUE(compare(false).is_clean());
    const std::vector<GraphEntry> entries = graph();
    for (const GraphEntry& entry : entries) EXPECT_EQ(entry.peers, world->connections(entry.member.id));
}

// [C27] Connections come and go, and their events with them, while the graph is compared and repaired again and again.
TEST_P(GraphKeeperContract, ComparingWhileConnectionsChangeLosesNothing) {
    const auto people = world->members(12);
    const auto change = [&](std::size_t i) -> Task<int> {
        std::mt19937 random(static_cast<unsigned>(i));
        for (int step = 0; step < 25; ++step) {
            const UserId a = people[random() % people.size()];
            const UserId b = people[random() % people.size()];
            if (a == b) continue;
            const PairKey key = PairKey::of(a, b);
            const auto gone = co_await world->service().disconnect(world->as(a), b);
            if (!gone) {
                (void)co_await world->service().invite(world->as(a), {b, {}, {}});
                (void)co_await world->service().invite(world->as(b), {a, {}, {}});
            }
            co_await keeper().refresh(std::vector{key});  // what the event does
        }
        co_return 0;
    };
    const auto compare_often = [&](std::size_t) -> Task<int> {
        for (int round = 0; round < 20; ++round) co_await keeper().compare(true);
        co_return 0;
    };
    world->run_together<int>(4, 4, [&](std::size_t i) { return i == 0 ? compare_often(i) : change(i); });
    // Events of one pair come one after the other; here three writers told theirs side by side, so each pair is told once more.
    for (const UserId a : people)
        for (const UserId b : people)
            if (a < b) world->run(keeper().refresh(std::vector{PairKey{a, b}}));
    const GraphReport report = compare(false);
    EXPECT_TRUE(report.is_clean()) << json::to_json(report);
}

// [C27] [C11]
TEST_P(GraphKeeperContract, AnOwnGraphAnswersOnceItHasBeenCompared) {
    world = std::make_unique<World>(GetParam());
    const UserId a = world->member();
    const UserId b = world->member();
    world->connect(a, b);
    EXPECT_THROW(world->run(world->graph.degrees({a, {}}, {b})), Unavailable);
    EXPECT_EQ(world->run(world->network().degrees(a, {b})).front(), 1) << "a connection is known without the graph";
    world->run(keeper().maintain());
    EXPECT_EQ(degree(a, b), 1);
}

// [C27]
TEST_P(GraphKeeperContract, AComparisonThatIsAskedForIsDoneOnceAndReported) {
    const UserId a = world->member();
    const UserId b = world->member();
    world->run(keeper().maintain());
    world->connect(a, b);
    GraphCheckStore checks(world->database);
    world->run(checks.ask(world->clock.now(), false));
    world->run(keeper().maintain());
    GraphCheckState state = world->run(checks.find_state());
    EXPECT_EQ(state.done_at, world->clock.now());
    EXPECT_THAT(state.report, testing::HasSubstr(R"("missing_connections":1)"));
    EXPECT_EQ(degree(a, b), std::nullopt);

    world->clock.advance(std::chrono::seconds(1));
    world->run(checks.ask(world->clock.now(), true));
    // Another process has taken it: it is not done twice, and not left undone when that one has ended.
    ASSERT_TRUE(world->run(checks.take(world->clock.now(), world->clock.now() + std::chrono::seconds(30))));
    world->run(keeper().maintain());
    EXPECT_EQ(degree(a, b), std::nullopt);
    world->clock.advance(std::chrono::seconds(31));
    world->run(keeper().maintain());
    EXPECT_EQ(degree(a, b), 1);
}

}  // namespace
}  // namespace guildhall::connection
