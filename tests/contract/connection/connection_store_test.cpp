// The connection store on both databases.
#include "services/connection/connection_store.hpp"

#include <functional>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/http/paging.hpp"
#include "services/connection/public/events.hpp"
#include "support/connection_world.hpp"

namespace guildhall::connection {
namespace {

using namespace std::chrono_literals;
using test::World;
using testing::ElementsAre;
using testing::IsEmpty;

class ConnectionStoreContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto missing = guildhall::test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        world = std::make_unique<World>(GetParam());
        store_ = std::make_unique<ConnectionStore>(world->database);
    }

    /// Runs `body` in a transaction, which commits.
    void write(const std::function<Task<void>(sql::Transaction&)>& body) {
        auto all = [&](sql::Transaction& tx) -> Task<Result<void>> {
            co_await body(tx);
            co_return Result<void>{};
        };
        const auto written = world->run(world->database.transact<void>(all));
        ASSERT_TRUE(written);
    }
    void connect(UserId a, UserId b, Time at, const std::string& low_name = "", const std::string& high_name = "") {
        write([&](sql::Transaction& tx) {
            return store().insert_connection(tx, PairKey::of(a, b), at, low_name, high_name);
        });
    }
    std::vector<UserId> list(UserId user, ConnectionSort sort, std::optional<ConnectionRow> after = {},
                             std::size_t limit = 100) {
        std::vector<UserId> ids;
        for (const auto& row : world->run(store().list_connections(user, sort, {}, after, limit)))
            ids.push_back(row.peer_id);
        return ids;
    }

    ConnectionStore& store() { return *store_; }

    Ids peers(UserId user) { return *world->run(store().find_circle(user)).connections; }
    std::vector<Ids> lists_of(std::vector<UserId> users) {
        std::vector<Ids> lists;
        for (const Circle& circle : world->run(store().list_circles(std::move(users))))
            lists.push_back(*circle.connections);
        return lists;
    }

    std::unique_ptr<World> world;
    const UserId one{1}, two{2}, three{3}, four{4};
    const PairKey key{one, two};

private:
    std::unique_ptr<ConnectionStore> store_;
};

INSTANTIATE_TEST_SUITE_P(, ConnectionStoreContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return std::string(engine.param); });

TEST_P(ConnectionStoreContract, APairComesBackAsItWasStored) {
    write([&](sql::Transaction& tx) -> Task<void> {
        const auto absent = co_await store().lock_pair(tx, key);
        EXPECT_FALSE(absent);
        Pair pair = co_await store().lock_or_insert_pair(tx, key);
        EXPECT_EQ(pair.state, PairState::none);
        EXPECT_EQ(pair.low_may_invite_at, Time{});
        pair.state = PairState::invited;
        pair.inviter_id = two;
        pair.invitation_id = InvitationId{77};
        pair.is_ignored = true;
        pair.low_may_invite_at = Time(1s);
        pair.high_may_invite_at = Time(2s);
        pair.high_blocks = true;
        co_await store().update_pair(tx, pair);
    });
    write([&](sql::Transaction& tx) -> Task<void> {
        const Pair pair = co_await store().lock_or_insert_pair(tx, key);
        EXPECT_EQ(pair.key, key);
        EXPECT_EQ(pair.state, PairState::invited);
        EXPECT_EQ(pair.inviter_id, two);
        EXPECT_TRUE(pair.has_pending(InvitationId{77}));
        EXPECT_TRUE(pair.is_ignored);
        EXPECT_EQ(pair.may_invite_at(one), Time(1s));
        EXPECT_EQ(pair.may_invite_at(two), Time(2s));
        EXPECT_FALSE(pair.low_blocks);
        EXPECT_TRUE(pair.high_blocks);
        const auto again = co_await store().lock_pair(tx, key);
        EXPECT_TRUE(again && again->has_pending(InvitationId{77}));
    });
}

// The canonical row is what makes everything about two members serial.
TEST_P(ConnectionStoreContract, APairIsLockedUntilItsTransactionEnds) {
    const auto results = world->run_together<bool>(64, 4, [&](std::size_t) -> Task<bool> {
        auto raise = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            Pair pair = co_await store().lock_or_insert_pair(tx, key);
            pair.low_may_invite_at += 1us;
            co_await store().update_pair(tx, pair);
            co_return true;
        };
        const auto raised = co_await world->database.transact<bool>(raise);
        co_return raised.has_value();
    });
    EXPECT_THAT(results, testing::Each(true));
    EXPECT_EQ(world->run(store().list_pairs(one, {two})).at(0).low_may_invite_at, Time(64us)) << "no update is lost";
}

TEST_P(ConnectionStoreContract, PairsAreFoundFromBothSides) {
    write([&](sql::Transaction& tx) -> Task<void> {
        co_await store().lock_or_insert_pair(tx, {one, three});
        co_await store().lock_or_insert_pair(tx, {three, four});
        co_await store().lock_or_insert_pair(tx, {one, two});
    });
    std::vector<UserId> others;
    for (const Pair& pair : world->run(store().list_pairs(three, {one, two, three, four, UserId{99}})))
        others.push_back(pair.other(three));
    EXPECT_THAT(others, testing::UnorderedElementsAre(one, four));
    EXPECT_THAT(world->run(store().list_pairs(three, {})), IsEmpty());
}

// [C27]
TEST_P(ConnectionStoreContract, AConnectionIsTwoRowsOrNone) {
    connect(two, one, Time(5s), "one's name", "two's name");
    EXPECT_THAT(peers(one), ElementsAre(two));
    EXPECT_THAT(peers(two), ElementsAre(one));
    const auto rows = world->run(store().list_connections(one, ConnectionSort::name, {}, {}, 10));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].sort_name, "two's name");
    EXPECT_EQ(rows[0].connected_at, Time(5s));
    write([&](sql::Transaction& tx) { return store().remove_connection(tx, key); });
    EXPECT_THAT(peers(one), IsEmpty());
    EXPECT_THAT(peers(two), IsEmpty());
}

TEST_P(ConnectionStoreContract, ARolledBackConnectionLeavesNothing) {
    auto fail = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await store().lock_or_insert_pair(tx, key);
        co_await store().insert_connection(tx, key, Time(1s), "a", "b");
        const Connected event{one, two, one};
        co_await world->outbox.append(tx, event);
        co_return Error{Code::conflict, "changed my mind"};
    };
    const auto failed = world->run(world->database.transact<void>(fail));
    EXPECT_FALSE(failed);
    EXPECT_THAT(peers(one), IsEmpty());
    EXPECT_THAT(world->run(store().list_pairs(one, {two})), IsEmpty());
    EXPECT_THAT(world->events(), IsEmpty());
}

TEST_P(ConnectionStoreContract, ListsOfSeveralMembersComeInTheirOrder) {
    connect(one, two, Time(1s));
    connect(one, four, Time(1s));
    connect(three, two, Time(1s));
    EXPECT_THAT(lists_of({two, UserId{9}, one}),
                ElementsAre(ElementsAre(one, three), IsEmpty(), ElementsAre(two, four)));
}

// [C10]
TEST_P(ConnectionStoreContract, ConnectionsOfOneTimeOrNameAreOrderedById) {
    connect(one, four, Time(7s), "", "same");
    connect(one, two, Time(7s), "", "same");
    connect(one, three, Time(7s), "", "same");
    EXPECT_THAT(list(one, ConnectionSort::recent), ElementsAre(four, three, two));
    EXPECT_THAT(list(one, ConnectionSort::name), ElementsAre(two, three, four));
    EXPECT_THAT(list(one, ConnectionSort::recent, ConnectionRow{three, Time(7s), ""}), ElementsAre(two));
    EXPECT_THAT(list(one, ConnectionSort::name, ConnectionRow{three, Time{}, "same"}), ElementsAre(four));
    EXPECT_THAT(list(one, ConnectionSort::recent, {}, 2), ElementsAre(four, three));
    EXPECT_THAT(list(two, ConnectionSort::name), ElementsAre(one)) << "an empty name is a name";
}

TEST_P(ConnectionStoreContract, ANameIsChangedInTheGivenListsOnly) {
    connect(one, two, Time(1s), "one", "two");
    connect(two, three, Time(1s), "two", "three");
    EXPECT_THAT(world->run(store().list_stale_names(two, "two", {one, three, four})), IsEmpty());
    EXPECT_THAT(world->run(store().list_stale_names(two, "new", {one, four})), ElementsAre(one));
    write([&](sql::Transaction& tx) { return store().rename_peer(tx, two, "new", {one}); });
    EXPECT_THAT(world->run(store().list_stale_names(two, "new", {one, three})), ElementsAre(three));
}

TEST_P(ConnectionStoreContract, AnInvitationHasTwoSides) {
    const std::string note = "Ahoj 👋 100% \\ ' \" ; --";
    const InvitationId id{500};
    write([&](sql::Transaction& tx) {
        return store().insert_invitation(tx, id, two, one, InvitationState::pending, note, Time(3s));
    });
    const auto sent = world->run(store().find_invitation(two, id));
    const auto received = world->run(store().find_invitation(one, id));
    ASSERT_TRUE(sent && received);
    EXPECT_EQ(sent->direction, Direction::sent);
    EXPECT_EQ(sent->peer_id, one);
    EXPECT_EQ(received->direction, Direction::received);
    EXPECT_EQ(received->peer_id, two);
    EXPECT_EQ(received->note, note);
    EXPECT_EQ(received->created_at, Time(3s));
    EXPECT_FALSE(world->run(store().find_invitation(three, id)));

    write([&](sql::Transaction& tx) { return store().update_invitation(tx, one, id, InvitationState::ignored); });
    EXPECT_EQ(world->run(store().find_invitation(one, id))->state, InvitationState::ignored);
    EXPECT_EQ(world->run(store().find_invitation(two, id))->state, InvitationState::pending);
    write([&](sql::Transaction& tx) { return store().update_invitation(tx, key, id, InvitationState::withdrawn); });
    EXPECT_EQ(world->run(store().find_invitation(one, id))->state, InvitationState::withdrawn);
    EXPECT_EQ(world->run(store().find_invitation(two, id))->state, InvitationState::withdrawn);
}

// [C4]
TEST_P(ConnectionStoreContract, OnlyPendingInvitationsOfADirectionAreListed) {
    write([&](sql::Transaction& tx) -> Task<void> {
        for (std::int64_t i = 1; i <= 4; ++i) {
            co_await store().insert_invitation(tx, InvitationId{i}, UserId{10 + i}, one, InvitationState::pending, "",
                                               Time{});
        }
        co_await store().insert_invitation(tx, InvitationId{5}, one, two, InvitationState::pending, "", Time{});
        co_await store().insert_invitation(tx, InvitationId{6}, three, one, InvitationState::accepted, "", Time{});
        co_await store().update_invitation(tx, one, InvitationId{3}, InvitationState::ignored);
    });
    const InvitationId newest{http::kNewestFirst};
    const auto ids = [&](Direction direction, InvitationId before, std::size_t limit) {
        std::vector<std::int64_t> out;
        for (const auto& row : world->run(store().list_pending(one, direction, before, limit)))
            out.push_back(row.id.value);
        return out;
    };
    EXPECT_THAT(ids(Direction::received, newest, 10), ElementsAre(4, 2, 1));
    EXPECT_THAT(ids(Direction::received, newest, 2), ElementsAre(4, 2));
    EXPECT_THAT(ids(Direction::received, InvitationId{2}, 2), ElementsAre(1));
    EXPECT_THAT(ids(Direction::sent, newest, 10), ElementsAre(5));
}

// Every size of the bulk statements is used: 128, 16 and single rows.
TEST_P(ConnectionStoreContract, ManyStrangersAreConnectedAtOnceAndOthersLeft) {
    std::vector<PairKey> keys;
    for (std::int64_t i = 0; i < 300; ++i) keys.push_back({UserId{100 + i / 20}, UserId{1000 + i}});
    const PairKey connected = keys[5];
    const PairKey invited = keys[50];
    const PairKey blocked = keys[200];
    const PairKey known = keys[299];  // met and parted
    const std::string low_name = "low";
    const std::string high_name = "high";
    write([&](sql::Transaction& tx) -> Task<void> {
        for (const PairKey& pair_key : {connected, invited, blocked, known}) {
            Pair pair = co_await store().lock_or_insert_pair(tx, pair_key);
            pair.state = pair_key == connected ? PairState::connected
                         : pair_key == invited ? PairState::invited
                                               : PairState::none;
            pair.low_blocks = pair_key == blocked;
            pair.low_may_invite_at = Time(1s);
            co_await store().update_pair(tx, pair);
        }
    });
    write([&](sql::Transaction& tx) -> Task<void> {
        const auto made = co_await store().connect_strangers(tx, keys);
        EXPECT_EQ(made.size(), 297U);
        EXPECT_THAT(made, testing::Not(testing::Contains(testing::AnyOf(connected, invited, blocked))));
        EXPECT_THAT(made, testing::Contains(known));
        const auto waiting = co_await store().list_acquainted(tx, keys);
        EXPECT_THAT(waiting, ElementsAre(invited));
        std::vector<ConnectionStore::NewConnection> rows;
        for (const PairKey& pair_key : made) rows.push_back({pair_key, Time(9s), &low_name, &high_name});
        co_await store().insert_connections(tx, rows);
        const auto again = co_await store().connect_strangers(tx, keys);
        EXPECT_THAT(again, IsEmpty());
    });
    EXPECT_EQ(peers(UserId{100}).size(), 19U);
    EXPECT_THAT(peers(UserId{1299}), ElementsAre(UserId{114}));
    const auto rows = world->run(store().list_connections(UserId{1299}, ConnectionSort::recent, {}, {}, 5));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].sort_name, "low");
    EXPECT_EQ(rows[0].connected_at, Time(9s));
}

TEST_P(ConnectionStoreContract, MigrationsMayBeAppliedAgain) {
    connect(one, two, Time(1s));
    world->database.migrate(service::all_migrations(Module::definition()));
    EXPECT_THAT(peers(one), ElementsAre(two));
}

}  // namespace
}  // namespace guildhall::connection
