// The graph kept like the tables: by events, and by comparing.
#include "services/connection/graph/graph_keeper.hpp"

#include <algorithm>
#include <array>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/async/task_group.hpp"
#include "support/graph_keeper_test.hpp"

namespace guildhall::connection {
namespace {

using test::WatchedKeeper;
using test::World;

class GraphKeeperContract : public test::GraphKeeperTest {};

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
TEST_P(GraphKeeperContract, WhatAnotherProcessHasDoneSinceTheTablesWereReadStays) {
    const UserId a = world->member();
    const UserId b = world->member();
    world->connect(a, b);
    WatchedKeeper slow(*world);
    // The other process handles the event that comes next, before the slow one writes what it has read.
    const auto part = [&]() -> Task<void> {
        slow.graph.before_set_edges = nullptr;
        EXPECT_TRUE(co_await world->service().disconnect(world->as(a), b));
        co_await keeper().refresh({PairKey::of(a, b)});
    };
    slow.graph.before_set_edges = part;
    world->run(slow.keeper.refresh({PairKey::of(a, b)}));
    EXPECT_EQ(degree(a, b), std::nullopt);
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

// [C27] [F: graph_check.list_one_sided is refused]
TEST_P(GraphKeeperContract, AConnectionOfWhichOneSideIsLostIsWholeAgain) {
    const UserId a = world->member("Ada Lovelace");
    const UserId b = world->member("Béla Bartók");
    const UserId c = world->member("Clara Schumann");
    world->connect(a, b);
    world->database.execute_script("DELETE FROM connections WHERE user_id = " + std::to_string(b.value));
    // A side that no pair knows of goes.
    world->database.execute_script("INSERT INTO connections (user_id, peer_id, connected_at, sort_name) VALUES (" +
                                   std::to_string(a.value) + ", " + std::to_string(c.value) + ", 1, 'clara schumann')");
    EXPECT_EQ(world->connections(b), Ids{});
    EXPECT_EQ(world->connections(a), (Ids{b, c}));
    EXPECT_EQ(compare(false).one_sided_connections, 2);
    EXPECT_EQ(compare(true).one_sided_connections, 2);
    EXPECT_TRUE(compare(false).is_clean());
    EXPECT_EQ(world->connections(b), Ids{a}) << "what was in memory is of before";
    EXPECT_EQ(world->connections(a), Ids{b});
    EXPECT_EQ(degree(a, b), 1);
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

// [C27] Connections come and go, members appear, and their events come in order but late, while the graph is compared
// and repaired. Each comparison by itself: another one would repair what the first did wrong.
TEST_P(GraphKeeperContract, ComparingWhileConnectionsChangeLosesNothing) {
    constexpr std::size_t kWriters = 3;
    constexpr int kRounds = 15;
    const auto people = people_in_rows(210);  // more than a page
    WatchedKeeper watched(*world);
    const auto dawdle = []() -> Task<void> { co_await sleep_for(std::chrono::milliseconds(5)); };
    watched.graph.before_set_edges = dawdle;
    watched.graph.before_remove_members = dawdle;
    // Each writer has pairs of its own, so that the events of one pair come one after the other.
    std::array<std::vector<PairKey>, kWriters> pairs;
    for (std::size_t writer = 0; writer < kWriters; ++writer)
        pairs[writer] = {{people[writer], people[200 + writer]}, {people[writer], people[10 + writer]}};
    int round = 0;
    const auto change = [&](std::size_t writer) -> Task<int> {
        std::mt19937 random(static_cast<unsigned>(round) * kWriters + static_cast<unsigned>(writer));
        std::vector<PairKey>& own = pairs[writer];
        std::vector<PairKey> events;
        // Old and new members far apart: their connection lies in two pages.
        own.push_back({people[writer], world->member()});
        for (int step = 0; step < 10; ++step) {
            const PairKey key = own[random() % own.size()];
            const auto gone = co_await world->service().disconnect(world->as(key.low), key.high);
            if (!gone) {
                (void)co_await world->service().invite(world->as(key.low), {key.high, {}, {}});
                (void)co_await world->service().invite(world->as(key.high), {key.low, {}, {}});
            }
            events.push_back(key);
            if (random() % 2 == 0) continue;  // comes later
            co_await keeper().refresh(std::exchange(events, {}));
        }
        co_await keeper().refresh(std::move(events));
        co_return 0;
    };
    const auto compare_once = [&](std::size_t) -> Task<int> {
        co_await watched.keeper.compare(true);
        co_return 0;
    };
    for (; round < kRounds; ++round) {
        world->run_together<int>(kWriters + 1, kWriters + 1,
                                 [&](std::size_t i) { return i < kWriters ? change(i) : compare_once(i); });
        const GraphReport report = compare(false);
        ASSERT_TRUE(report.is_clean()) << json::to_json(report);
    }
}

// [C27] The page of the older one is done when the two connect, and the newer one has no row when theirs is read.
TEST_P(GraphKeeperContract, WhoConnectsWhileTheirPageIsComparedKeepsTheConnection) {
    const auto people = people_in_rows(200);
    const UserId newcomer{people.back().value + 1000};
    world->directory.put(newcomer, "Jane Doe");
    WatchedKeeper watched(*world);
    const auto connect = [&]() -> Task<void> {
        (void)co_await world->service().invite(world->as(people[0]), {newcomer, {}, {}});
        (void)co_await world->service().invite(world->as(newcomer), {people[0], {}, {}});
        co_await keeper().refresh(std::vector{PairKey{people[0], newcomer}});
    };
    watched.graph.before_listing_behind(people.back(), connect);
    world->run(watched.keeper.compare(true));
    EXPECT_EQ(degree(people[0], newcomer), 1);
}

// [C27] The newer one has gone from the graph, by a repair that knew of nobody, and the older one's page is done.
TEST_P(GraphKeeperContract, WhoeverIsNotInTheGraphComesBackWithAllConnections) {
    const auto people = people_in_rows(201);
    world->connect(people[0], people.back());
    compare(true);
    WatchedKeeper watched(*world);
    const auto forget = [&]() -> Task<void> { co_await world->graph().remove_members({people.back()}); };
    watched.graph.before_listing_behind(people[199], forget);
    world->run(watched.keeper.compare(true));
    EXPECT_EQ(degree(people[0], people.back()), 1);
}

// [C27]
TEST_P(GraphKeeperContract, WhoConnectsWhileTheyAreTakenAwayKeepsTheConnection) {
    const auto people = people_in_rows(200);
    const UserId newcomer{people.back().value + 1000};
    world->directory.put(newcomer, "Jane Doe");
    put({{newcomer, "elsewhere", ""}});
    WatchedKeeper watched(*world);
    const auto connect = [&]() -> Task<void> {
        watched.graph.before_remove_members = nullptr;
        (void)co_await world->service().invite(world->as(people[0]), {newcomer, {}, {}});
        (void)co_await world->service().invite(world->as(newcomer), {people[0], {}, {}});
        co_await keeper().refresh(std::vector{PairKey{people[0], newcomer}});
    };
    watched.graph.before_remove_members = connect;
    world->run(watched.keeper.compare(true));
    EXPECT_EQ(degree(people[0], newcomer), 1);
}

// [C27]
TEST_P(GraphKeeperContract, APageThatNewcomersFillIsComparedToItsEnd) {
    const auto people = people_in_rows(200);
    const UserId low = people[198];
    const UserId high = people[199];
    world->connect(low, high);
    WatchedKeeper watched(*world);
    // What was read of the page is old now, and writes the connection.
    const auto change = [&]() -> Task<void> {
        watched.graph.before_set_edges = nullptr;
        (void)co_await world->service().disconnect(world->as(low), high);
        co_await keeper().refresh(std::vector{PairKey{low, high}});
        for (std::size_t i = 0; i < 5; ++i)
            world->database.execute_script("INSERT INTO members (user_id) VALUES (" +
                                           std::to_string(people[i].value + 1) + ")");
    };
    watched.graph.before_set_edges = change;
    world->run(watched.keeper.compare(true));
    EXPECT_EQ(degree(low, high), std::nullopt);
}

// [C27]
TEST_P(GraphKeeperContract, WhatIsOnItsWayIsNoFault) {
    const auto [low, high] = PairKey::of(world->member(), world->member());
    world->connect(low, high);
    WatchedKeeper watched(*world);
    int listed = 0;
    // The event comes after the first time that the graph is read.
    const auto look_again = [&]() -> Task<void> {
        ++listed;
        co_await keeper().refresh(std::vector{PairKey{low, high}});
    };
    const auto look = [&]() -> Task<void> {
        watched.graph.before_listing_behind({}, look_again);
        co_return;
    };
    watched.graph.before_listing_behind({}, look);
    const GraphReport report = world->run(watched.keeper.compare(false));
    EXPECT_EQ(listed, 1);
    EXPECT_TRUE(report.is_clean()) << json::to_json(report);
}

// [C27] Rows that say nothing have no event: a member who registers, or sends a first invitation.
TEST_P(GraphKeeperContract, AMemberOfWhomNothingIsKnownIsNoFault) {
    const UserId a = world->member();
    world->invited(a, world->member());
    // One who has no row stays in the graph when the last connection ends.
    set({{world->member(), world->member(), true}});
    const std::vector<GraphEntry> entries = graph();
    set({{entries[0].member.id, entries[1].member.id, false}});
    GraphReport report = compare(false);
    EXPECT_TRUE(report.is_clean()) << json::to_json(report);
    compare(true);
    EXPECT_EQ(graph().size(), 1U) << "a repair makes it as the tables say nevertheless";
}

// [C27]
TEST_P(GraphKeeperContract, AGraphOfStrangersIsComparedInPages) {
    constexpr std::int64_t kStrangers = 2500;
    std::vector<GraphMember> strangers;
    for (std::int64_t i = 0; i < kStrangers; ++i) strangers.push_back({UserId{i + 1}, "elsewhere", ""});
    for (std::size_t start = 0; start < strangers.size(); start += 500)
        put({strangers.begin() + static_cast<std::ptrdiff_t>(start),
             strangers.begin() + static_cast<std::ptrdiff_t>(start + 500)});
    EXPECT_EQ(compare(true).extra_members, kStrangers);
    EXPECT_TRUE(graph().empty());
}

// [C27] [C11]
TEST_P(GraphKeeperContract, AnOwnGraphAnswersOnceItHasBeenCompared) {
    world = std::make_unique<World>(GetParam());
    const UserId a = world->member();
    const UserId b = world->member();
    world->connect(a, b);
    EXPECT_THROW(world->run(world->graph().degrees({a, {}}, {b})), Unavailable);
    EXPECT_EQ(world->run(world->degrees().degrees(a, {b})).front(), 1) << "a connection is known without the graph";
    world->run(keeper().maintain());
    EXPECT_EQ(degree(a, b), 1);
}

// [C27]
TEST_P(GraphKeeperContract, AMemberWithMoreConnectionsThanAPageIsComparedWhole) {
    constexpr int kConnections = 25'000;
    const auto people = people_in_rows(2);
    connect_in_rows(people[0], people[1].value + 1, kConnections);
    EXPECT_EQ(compare(true).connections, kConnections);
    const GraphReport report = compare(false);
    EXPECT_TRUE(report.is_clean()) << json::to_json(report);
    EXPECT_EQ(report.members, kConnections + 2);
}

}  // namespace
}  // namespace guildhall::connection
