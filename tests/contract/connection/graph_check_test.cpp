// Comparisons that somebody asks for, and what they read of the tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/connection/graph/graph_check_store.hpp"
#include "support/graph_keeper_test.hpp"

namespace guildhall::connection {
namespace {

using test::WatchedKeeper;

class GraphCheckContract : public test::GraphKeeperTest {};

INSTANTIATE_TEST_SUITE_P(, GraphCheckContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return std::string(engine.param); });

// [C27]
TEST_P(GraphCheckContract, AComparisonThatIsAskedForIsDoneOnceAndReported) {
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
    ASSERT_TRUE(world->run(checks.take(world->clock.now(), world->clock.now() + std::chrono::seconds(30), 1)));
    world->run(keeper().maintain());
    EXPECT_EQ(degree(a, b), std::nullopt);
    world->clock.advance(std::chrono::seconds(31));
    world->run(keeper().maintain());
    EXPECT_EQ(degree(a, b), 1);
}

// [C27]
TEST_P(GraphCheckContract, ARebuildThatWaitsIsNotUndoneByACheck) {
    GraphCheckStore checks(world->database);
    world->run(keeper().maintain());
    world->run(checks.ask(world->clock.now(), true));
    world->run(checks.ask(world->clock.now(), false));
    EXPECT_TRUE(world->run(checks.find_state()).repairs);
    world->run(keeper().maintain());
    world->clock.advance(std::chrono::seconds(1));
    world->run(checks.ask(world->clock.now(), false));
    EXPECT_FALSE(world->run(checks.find_state()).repairs) << "one that is done is not repeated";
}

// [C27]
TEST_P(GraphCheckContract, WhoseClockIsBehindDoesNotTakeAnEarlierReportForTheirs) {
    GraphCheckStore checks(world->database);
    world->run(keeper().maintain());
    world->run(checks.ask(world->clock.now(), false));
    world->run(keeper().maintain());
    const Time done_at = world->run(checks.find_state()).done_at;
    const Time asked_at = world->run(checks.ask(world->clock.now() - std::chrono::seconds(5), false));
    EXPECT_GT(asked_at, done_at);
    // Asked for while the one before runs: that one does not count.
    const auto taken = world->run(checks.take(world->clock.now(), world->clock.now() + std::chrono::seconds(30), 1));
    ASSERT_TRUE(taken);
    const Time asked_later_at = world->run(checks.ask(world->clock.now() - std::chrono::seconds(5), true));
    EXPECT_TRUE(world->run(checks.finish(1, taken->asked_at, "{}")));
    EXPECT_GT(asked_later_at, world->run(checks.find_state()).done_at);
    world->run(keeper().maintain());
    EXPECT_EQ(asked_later_at, world->run(checks.find_state()).done_at);
}

// [C27]
TEST_P(GraphCheckContract, WhoHasLostAComparisonNeitherKeepsNorEndsIt) {
    GraphCheckStore checks(world->database);
    constexpr std::chrono::seconds kLease{30};
    const auto take = [&](std::int64_t taker) {
        return world->run(checks.take(world->clock.now(), world->clock.now() + kLease, taker));
    };
    const auto first = take(1);
    ASSERT_TRUE(first);
    EXPECT_FALSE(take(2));
    EXPECT_TRUE(world->run(checks.renew(1, world->clock.now() + kLease)));
    world->clock.advance(kLease);
    ASSERT_TRUE(take(2));
    EXPECT_FALSE(world->run(checks.renew(1, world->clock.now() + kLease)));
    world->run(checks.release(1));
    EXPECT_FALSE(world->run(checks.finish(1, first->asked_at, "late")));
    EXPECT_FALSE(take(3)) << "the second has it still";
    EXPECT_TRUE(world->run(checks.finish(2, first->asked_at, "done")));
    EXPECT_EQ(world->run(checks.find_state()).report, "done");
}

// [C27]
TEST_P(GraphCheckContract, AComparisonThatFailsIsTakenAgainAtOnce) {
    const UserId a = world->member();
    const UserId b = world->member();
    world->connect(a, b);
    WatchedKeeper watched(*world);
    const auto fail = []() -> Task<void> {
        throw Unavailable("the graph is unavailable");
        co_return;
    };
    watched.graph.before_listing_behind({}, fail);
    EXPECT_THROW(world->run(watched.keeper.maintain()), Unavailable);
    EXPECT_EQ(degree(a, b), std::nullopt);
    world->run(watched.keeper.maintain());
    EXPECT_EQ(degree(a, b), 1);
}

// [C27] [C11]
TEST_P(GraphCheckContract, ASharedGraphThatWasNeverMadeIsNotAsked) {
    const UserId a = world->member();
    const UserId b = world->member();
    world->connect(a, b);
    WatchedKeeper watched(*world);
    CachedNetwork network(watched.connections, world->coherence, 1000);
    GraphService service({watched.graph, watched.keeper, watched.connections, watched.members, watched.cached, network,
                          world->directory, world->clock});
    const auto size = [&] { return world->run(service.stats(world->as(a))); };
    world->run(watched.keeper.begin());
    ASSERT_FALSE(size());
    EXPECT_EQ(size().error().problem, "graph_unavailable");
    world->run(watched.keeper.maintain());
    EXPECT_EQ(size()->first, 1);

    WatchedKeeper later(*world);
    world->run(later.keeper.begin());
    EXPECT_TRUE(later.keeper.is_made()) << "who starts afterwards asks at once";
}

// [C27]
TEST_P(GraphCheckContract, ASharedGraphThatAnotherProcessMakesIsAskedFromThenOn) {
    const UserId a = world->member();
    world->connect(a, world->member());
    WatchedKeeper first(*world);
    WatchedKeeper second(*world);
    world->run(second.keeper.begin());
    ASSERT_FALSE(second.keeper.is_made());
    world->run(first.keeper.maintain());
    world->run(second.keeper.maintain());
    EXPECT_TRUE(second.keeper.is_made());
}

// [C27]
TEST_P(GraphCheckContract, WithEmptyTablesThereIsNothingToMake) {
    WatchedKeeper watched(*world);
    world->run(watched.keeper.begin());
    EXPECT_TRUE(watched.keeper.is_made());
}

// [C27]
TEST_P(GraphCheckContract, AComparisonIsKeptForAsLongAsItTakes) {
    const auto people = people_in_rows(1);
    connect_in_rows(people[0], people[0].value + 1, 3500);
    WatchedKeeper watched(*world);
    int batches = 0;
    int taken = 0;
    const auto work_slowly = [&]() -> Task<void> {
        ++batches;
        world->clock.advance(std::chrono::seconds(11));
        const Time now = world->clock.now();
        if (co_await watched.checks.take(now, now + std::chrono::seconds(30), 1)) ++taken;
    };
    watched.graph.before_set_edges = work_slowly;
    world->run(watched.keeper.maintain());
    EXPECT_GE(batches, 4);
    EXPECT_EQ(taken, 0);
    EXPECT_EQ(world->run(watched.checks.find_state()).done_at, Time(std::chrono::microseconds(1)));
}

// [C27]
TEST_P(GraphCheckContract, APageOfTheTablesHoldsWholeMembersAndNoMoreThanItsBounds) {
    const auto people = people_in_rows(6);
    for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t j = i + 1; j < 4; ++j) world->connect(people[i], people[j]);
    GraphCheckStore checks(world->database);
    const auto read = [&](GraphPage::Bounds most) {
        std::vector<std::vector<GraphEntry>> pages;
        constexpr UserId kEnd{1LL << 62};
        for (UserId after; after < kEnd;) {
            GraphPage page = world->run(checks.list_truth(after, kEnd, most));
            after = page.upto;
            pages.push_back(std::move(page.entries));
        }
        return pages;
    };
    const auto sizes = [](const std::vector<std::vector<GraphEntry>>& pages) {
        std::vector<std::size_t> found;
        for (const auto& page : pages) found.push_back(page.size());
        return found;
    };
    const auto whole = read({100, 100});
    ASSERT_THAT(sizes(whole), testing::ElementsAre(6));
    // Three connections each: seven rows are two members and a piece of the third.
    const auto some = read({100, 7});
    EXPECT_THAT(sizes(some), testing::ElementsAre(2, 4));
    const auto one_by_one = read({100, 2});
    EXPECT_THAT(sizes(one_by_one), testing::ElementsAre(1, 1, 1, 1, 2));
    EXPECT_THAT(sizes(read({4, 100})), testing::ElementsAre(4, 2));
    for (const auto& pages : {some, one_by_one}) {
        std::vector<GraphEntry> all;
        for (const auto& page : pages) all.insert(all.end(), page.begin(), page.end());
        EXPECT_EQ(all, whole.front());
    }
}

}  // namespace
}  // namespace guildhall::connection
