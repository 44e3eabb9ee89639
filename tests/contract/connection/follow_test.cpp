// Who follows whom, beside connections, blocks and imports.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/connection/follow_service.hpp"
#include "support/connection_world.hpp"

namespace guildhall::connection {
namespace {

using test::World;
using testing::ElementsAre;
using testing::IsEmpty;

class FollowContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto missing = guildhall::test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        make({});
    }
    void make(Options options) {
        world = std::make_unique<World>(GetParam(), nullptr, options);
        a = world->member("Ada Lovelace");
        b = world->member("Béla Bartók");
        c = world->member("Clara Schumann");
    }

    Result<void> follow(UserId me, UserId other) {
        return world->run(world->module->follows().follow(world->as(me), other));
    }
    Result<void> unfollow(UserId me, UserId other) {
        return world->run(world->module->follows().unfollow(world->as(me), other));
    }
    Ids followed(UserId me) { return *world->run(world->network().circle_of(me)).followed; }
    std::vector<UserId> listed(UserId me, FollowSide side) {
        auto& follows = world->module->follows();
        const auto page = side == FollowSide::following ? world->run(follows.list_following(world->as(me), {}))
                                                        : world->run(follows.list_followers(world->as(me), {}));
        std::vector<UserId> ids;
        for (const user::Card& card : page->items) ids.push_back(card.id);
        return ids;
    }
    // The list in memory, the list of the tables, the other's list and the relationship say the same.
    void expect_follows(UserId me, UserId other, bool follows) {
        EXPECT_EQ(contains(followed(me), other), follows);
        EXPECT_EQ(std::ranges::count(listed(me, FollowSide::following), other), follows ? 1 : 0);
        EXPECT_EQ(std::ranges::count(listed(other, FollowSide::followers), me), follows ? 1 : 0);
        EXPECT_EQ(world->relationship(me, other).following, follows);
    }

    std::unique_ptr<World> world;
    UserId a, b, c;
};

INSTANTIATE_TEST_SUITE_P(, FollowContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return std::string(engine.param); });

// [C9]
TEST_P(FollowContract, AFollowIsOneSidedAndMayBeRepeated) {
    ASSERT_TRUE(follow(a, b));
    ASSERT_TRUE(follow(a, b));
    expect_follows(a, b, true);
    expect_follows(b, a, false);
    ASSERT_TRUE(unfollow(a, b));
    ASSERT_TRUE(unfollow(a, b));
    expect_follows(a, b, false);
    EXPECT_THAT(world->event_types(), ElementsAre(Followed::kType, Unfollowed::kType));
}

// [C9]
TEST_P(FollowContract, AFollowBecomesPartOfTheConnectionAndEndsWithIt) {
    ASSERT_TRUE(follow(a, b));
    world->connect(a, b);
    expect_follows(a, b, true);
    expect_follows(b, a, true);
    ASSERT_TRUE(unfollow(b, a));
    expect_follows(b, a, false);
    EXPECT_TRUE(world->are_connected(a, b));
    ASSERT_TRUE(world->run(world->service().disconnect(world->as(a), b)));
    expect_follows(a, b, false);
    expect_follows(b, a, false);
    world->connect(b, a);
    expect_follows(a, b, true);
    expect_follows(b, a, true);
}

// [C9]
TEST_P(FollowContract, ABlockEndsAFollowForGood) {
    ASSERT_TRUE(follow(a, b));
    ASSERT_TRUE(follow(a, c));
    EXPECT_TRUE(contains(followed(a), b));
    world->block(b, a);
    world->unblock(b, a);
    expect_follows(a, b, false);
    expect_follows(a, c, true);
}

// [C9]
TEST_P(FollowContract, AnImportedConnectionTakesFollowsIn) {
    ASSERT_TRUE(follow(a, b));
    EXPECT_EQ(
        *world->run(world->service().import_connections({{a, b, world->clock.now()}, {a, c, world->clock.now()}})), 2U);
    for (const UserId other : {b, c}) {
        expect_follows(a, other, true);
        expect_follows(other, a, true);
    }
}

// [C9]
TEST_P(FollowContract, NobodyLearnsOfABlockByFollowing) {
    world->block(b, a);
    const UserId nobody{12345};
    for (const UserId other : {b, nobody}) {
        EXPECT_EQ(follow(a, other).error().code, Code::not_found);
        EXPECT_EQ(unfollow(a, other).error().code, Code::not_found);
    }
}

// [C9] The follows of one member are counted one after the other.
TEST_P(FollowContract, ALimitHoldsWhenAllFollowAtOnce) {
    Options options;
    options.limits.follows = 5;
    make(options);
    const auto others = world->members(20);
    const auto results = world->run_together<bool>(20, 4, [&](std::size_t i) -> Task<bool> {
        const auto done = co_await world->module->follows().follow(world->as(a), others[i]);
        co_return done.has_value();
    });
    EXPECT_EQ(std::ranges::count(results, true), 5);
    EXPECT_EQ(followed(a).size(), 5U);
}

}  // namespace
}  // namespace guildhall::connection
