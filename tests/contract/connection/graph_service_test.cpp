// What the service makes of the graph's answers.
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/graph_keeper_test.hpp"

namespace guildhall::connection {
namespace {

using test::WatchedKeeper;
using testing::IsEmpty;
using testing::SizeIs;

class GraphServiceContract : public test::GraphKeeperTest {
protected:
    void SetUp() override {
        GraphKeeperTest::SetUp();
        if (IsSkipped()) return;
        parts.emplace(*world);
        network.emplace(parts->connections, world->coherence, 1 << 20);
        service.emplace(GraphService::Parts{parts->graph, parts->keeper, parts->connections, parts->members,
                                            parts->cached, *network, world->directory, world->clock});
        world->run(parts->keeper.begin());
    }
    std::vector<PersonSuggestion> suggestions(UserId user) {
        return world->run(service->list_suggestions(world->as(user), {}))->items;
    }
    std::vector<IntroductionPath> paths(UserId from, UserId to) {
        return world->run(service->list_paths(world->as(from), to, {}))->items;
    }

    std::optional<WatchedKeeper> parts;
    std::optional<CachedNetwork> network;
    std::optional<GraphService> service;
};

INSTANTIATE_TEST_SUITE_P(, GraphServiceContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return std::string(engine.param); });

// [C15]
TEST_P(GraphServiceContract, WhoHidesTheirConnectionsTellsNoneThroughAGraphThatLags) {
    const auto people = world->members(3);
    world->connect(people[0], people[1]);
    world->connect(people[1], people[2]);
    EXPECT_EQ(compare(true).missing_connections, 2);
    ASSERT_THAT(suggestions(people[0]), SizeIs(1));
    ASSERT_THAT(paths(people[0], people[2]), SizeIs(1));
    ChangeSettings hide;
    hide.hides_connections.value = true;
    ASSERT_TRUE(world->run(parts->profiles.change_settings(world->as(people[1]), hide)));
    EXPECT_THAT(suggestions(people[0]), IsEmpty()) << "neither the reason nor its score";
    EXPECT_THAT(paths(people[0], people[2]), IsEmpty());
}

// [C11]
TEST_P(GraphServiceContract, ADegreeThatIsInMemoryIsTheOneThatIsAskedFor) {
    const auto chain = world->members(5);
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) world->connect(chain[i], chain[i + 1]);
    EXPECT_EQ(compare(true).missing_connections, 4);
    Degrees& all = world->degrees();
    EXPECT_FALSE(all.cached_degree(chain[0], chain[2]).has_value());
    const DegreeList asked = world->run(all.degrees(chain[0], chain));
    EXPECT_THAT(asked, testing::ElementsAre(0, 1, 2, 3, std::nullopt));
    for (std::size_t i = 0; i < chain.size(); ++i)
        EXPECT_EQ(all.cached_degree(chain[0], chain[i]), CachedDegree(asked[i])) << i;
    // A member who was a connection a moment ago no longer is one, though the graph does not know yet.
    ASSERT_TRUE(world->run(world->service().disconnect(world->as(chain[0]), chain[1])));
    world->run(world->network().connections_of(chain[0]));
    EXPECT_EQ(all.cached_degree(chain[0], chain[1]), CachedDegree(std::optional<int>()));
}

}  // namespace
}  // namespace guildhall::connection
