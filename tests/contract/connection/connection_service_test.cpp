// The connection service with a fake directory, on both databases.
#include "services/connection/connection_service.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/http/idempotency.hpp"
#include "services/connection/sort_name.hpp"
#include "support/connection_world.hpp"

namespace guildhall::connection {
namespace {

using namespace std::chrono_literals;
using test::World;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr sql::Statement kCountPending{"test.pending",
                                       "SELECT COUNT(*) FROM invitations WHERE state IN ('pending', 'ignored')"};
constexpr sql::Statement kCountInvited{"test.invited", "SELECT COUNT(*) FROM pairs WHERE state = 'invited'"};
constexpr sql::Statement kCountConnections{"test.connections", "SELECT COUNT(*) FROM connections"};
constexpr sql::Statement kCountPairs{"test.pairs", "SELECT COUNT(*) FROM pairs WHERE state = 'connected'"};
constexpr sql::Statement kCountOneSided{
    "test.one_sided",
    "SELECT COUNT(*) FROM connections c WHERE NOT EXISTS (SELECT 1 FROM connections o"
    " WHERE o.user_id = c.peer_id AND o.peer_id = c.user_id AND o.connected_at = c.connected_at)"};

template <class T>
std::string problem_of(const Result<T>& result) {
    return result ? "none" : result.error().problem;
}
template <class T>
std::optional<Code> code_of(const Result<T>& result) {
    return result ? std::nullopt : std::optional(result.error().code);
}

std::vector<UserId> users_of(const Page<ConnectionItem>& page) {
    std::vector<UserId> ids;
    for (const auto& item : page.items) ids.push_back(item.user.id);
    return ids;
}
std::vector<std::string> names_of(const Page<ConnectionItem>& page) {
    std::vector<std::string> names;
    for (const auto& item : page.items) names.push_back(item.user.name);
    return names;
}

class ConnectionServiceContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto missing = guildhall::test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        world = std::make_unique<World>(GetParam());
        a = world->member("Ada Lovelace");
        b = world->member("Béla Bartók");
        c = world->member("Clara Schumann");
    }
    void TearDown() override {
        if (!world) return;
        // Whatever a test did: a connection is seen from both sides, and the pair says the same.
        EXPECT_EQ(world->number(kCountOneSided), 0);
        EXPECT_EQ(world->number(kCountConnections), 2 * world->number(kCountPairs));
    }

    ConnectionService& service() { return world->service(); }
    Page<ConnectionItem> list(UserId user, ListConnections query = {}) {
        return *world->run(service().list_connections(world->as(user), query));
    }
    Result<void> ignore(UserId user, InvitationId id) { return world->run(service().ignore(world->as(user), id)); }
    Result<void> withdraw(UserId user, InvitationId id) { return world->run(service().withdraw(world->as(user), id)); }
    Result<void> disconnect(UserId user, UserId peer) {
        return world->run(service().disconnect(world->as(user), peer));
    }
    Result<std::size_t> import(std::vector<ImportedConnection> edges) {
        return world->run(service().import_connections(std::move(edges)));
    }

    std::unique_ptr<World> world;
    UserId a, b, c;
};

INSTANTIATE_TEST_SUITE_P(, ConnectionServiceContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return std::string(engine.param); });

// Inviting.

// [C1]
TEST_P(ConnectionServiceContract, InvitationIsSeenByBothSides) {
    const auto created = world->invite(a, b, "Hello from Turin 👋");
    ASSERT_TRUE(created);
    EXPECT_EQ(created->location, "/v1/invitations/" + std::to_string(created->value.id.value));
    EXPECT_EQ(created->value.state, InvitationState::pending);
    EXPECT_EQ(created->value.inviter.name, "Ada Lovelace");
    EXPECT_EQ(created->value.invitee.name, "Béla Bartók");
    for (const auto& seen : {world->sent(a), world->received(b)}) {
        ASSERT_EQ(seen.size(), 1U);
        EXPECT_EQ(json::to_json(seen[0]), json::to_json(created->value));
    }
    EXPECT_THAT(world->sent(b), IsEmpty());
    EXPECT_THAT(world->received(a), IsEmpty());
    for (const UserId side : {a, b}) {
        EXPECT_EQ(world->run(service().find_invitation(world->as(side), created->value.id))->note,
                  "Hello from Turin 👋");
    }
    EXPECT_EQ(code_of(world->run(service().find_invitation(world->as(c), created->value.id))), Code::not_found);
}

// [C1]
TEST_P(ConnectionServiceContract, NobodyInvitesThemself) {
    const auto refused = world->invite(a, a);
    EXPECT_EQ(code_of(refused), Code::unprocessable);
    EXPECT_EQ(problem_of(refused), "self_invitation");
    EXPECT_EQ(refused.error().errors.at(0).pointer, "/user_id");
}

// [C1]
TEST_P(ConnectionServiceContract, NobodyInvitesSomebodyWhoDoesNotExist) {
    EXPECT_EQ(code_of(world->invite(a, UserId{12345})), Code::not_found);
    EXPECT_THAT(world->events(), IsEmpty());
}

// [C1]
TEST_P(ConnectionServiceContract, SecondInvitationIsRefused) {
    world->invited(a, b);
    EXPECT_EQ(code_of(world->invite(a, b)), Code::conflict);
    EXPECT_EQ(problem_of(world->invite(a, b)), "already_invited");
    EXPECT_EQ(world->received(b).size(), 1U);
    EXPECT_THAT(world->event_types(), ElementsAre("connection.invited.v1"));
}

// [C1]
TEST_P(ConnectionServiceContract, ConnectedMembersAreNotInvitedAgain) {
    world->connect(a, b);
    EXPECT_EQ(problem_of(world->invite(a, b)), "already_connected");
    EXPECT_EQ(problem_of(world->invite(b, a)), "already_connected");
}

// [C1] [U32]
TEST_P(ConnectionServiceContract, BlockedMembersDoNotExistForEachOther) {
    world->block(a, b, true);
    EXPECT_EQ(json::to_json(world->invite(a, b).error().detail),
              json::to_json(world->invite(a, UserId{12345}).error().detail));
    EXPECT_EQ(code_of(world->invite(a, b)), Code::not_found);
    EXPECT_EQ(code_of(world->invite(b, a)), Code::not_found);
    world->deliver(user::Blocked{a, b});
    EXPECT_EQ(code_of(world->invite(b, a)), Code::not_found);
}

// [C1] [P41]
TEST_P(ConnectionServiceContract, InvitationRecordsItsIdempotencyKey) {
    http::IdempotencyClaim claim(a, "POST /v1/invitations", "key-1", "fingerprint", world->clock.now());
    world->request.idempotency = &claim;
    const auto created = world->invite(a, b);
    world->request.idempotency = nullptr;
    ASSERT_TRUE(created);
    const auto stored =
        world->run(http::find_stored_answer(world->database, a, "POST /v1/invitations", "key-1", world->clock.now()));
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->body, json::to_json(created->value));
    EXPECT_EQ(stored->location, created->location);
}

// Answering.

// [C2]
TEST_P(ConnectionServiceContract, AcceptingConnectsBoth) {
    const auto id = world->invited(a, b, "note");
    const auto accepted = world->accept(b, id);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->state, InvitationState::accepted);
    EXPECT_EQ(accepted->inviter.id, a);
    EXPECT_TRUE(world->are_connected(a, b));
    EXPECT_TRUE(world->are_connected(b, a));
    EXPECT_THAT(users_of(list(a)), ElementsAre(b));
    EXPECT_THAT(users_of(list(b)), ElementsAre(a));
    EXPECT_THAT(world->received(b), IsEmpty());
    EXPECT_THAT(world->sent(a), IsEmpty());
}

// [C2]
TEST_P(ConnectionServiceContract, AcceptingAgainGivesTheSameAnswerAndNoEvent) {
    const auto id = world->invited(a, b);
    const auto first = world->accept(b, id);
    const auto second = world->accept(b, id);
    ASSERT_TRUE(second);
    EXPECT_EQ(json::to_json(*first), json::to_json(*second));
    EXPECT_THAT(world->event_types(), ElementsAre("connection.invited.v1", "connection.accepted.v1"));
}

// [C2] [C3]
TEST_P(ConnectionServiceContract, OnlyTheInviteeAnswersAndOnlyTheInviterWithdraws) {
    const auto id = world->invited(a, b);
    for (const UserId wrong : {a, c}) {
        EXPECT_EQ(code_of(world->accept(wrong, id)), Code::not_found);
        EXPECT_EQ(code_of(ignore(wrong, id)), Code::not_found);
    }
    for (const UserId wrong : {b, c}) EXPECT_EQ(code_of(withdraw(wrong, id)), Code::not_found);
    EXPECT_EQ(code_of(world->accept(b, InvitationId{77})), Code::not_found);
    EXPECT_EQ(world->received(b).size(), 1U);
}

// [C2]
TEST_P(ConnectionServiceContract, IgnoringIsSilent) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(ignore(b, id));
    ASSERT_TRUE(ignore(b, id));
    EXPECT_THAT(world->received(b), IsEmpty());
    // For the inviter nothing has changed.
    ASSERT_EQ(world->sent(a).size(), 1U);
    EXPECT_EQ(world->sent(a)[0].state, InvitationState::pending);
    EXPECT_EQ(world->relationship(a, b).invitation, PendingInvitation::sent);
    EXPECT_EQ(problem_of(world->invite(a, b)), "already_invited");
    // The invitee is done with it.
    EXPECT_EQ(world->run(service().find_invitation(world->as(b), id))->state, InvitationState::ignored);
    EXPECT_EQ(world->relationship(b, a).invitation, PendingInvitation::none);
    EXPECT_EQ(problem_of(world->accept(b, id)), "invitation_over");
    EXPECT_THAT(world->event_types(), ElementsAre("connection.invited.v1"));
}

// [C2] [C8]
TEST_P(ConnectionServiceContract, WhoIgnoredAnInvitationConnectsByInvitingTheInviter) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(ignore(b, id));
    EXPECT_EQ(world->invite(b, a)->value.state, InvitationState::accepted);
    EXPECT_TRUE(world->are_connected(a, b));
    EXPECT_EQ(world->number(kCountPending), 0);
}

// [C2]
TEST_P(ConnectionServiceContract, AnAcceptedInvitationCannotBeIgnored) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(world->accept(b, id));
    EXPECT_EQ(problem_of(ignore(b, id)), "invitation_over");
    EXPECT_TRUE(world->are_connected(a, b));
}

// [C3]
TEST_P(ConnectionServiceContract, WithdrawnInvitationIsGoneForBoth) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(withdraw(a, id));
    EXPECT_THAT(world->received(b), IsEmpty());
    EXPECT_THAT(world->sent(a), IsEmpty());
    EXPECT_EQ(code_of(world->accept(b, id)), Code::conflict);
    EXPECT_EQ(problem_of(world->accept(b, id)), "invitation_withdrawn");
    EXPECT_EQ(problem_of(ignore(b, id)), "invitation_withdrawn");
    EXPECT_EQ(code_of(withdraw(a, id)), Code::not_found);
    EXPECT_FALSE(world->are_connected(a, b));
}

// [C3]
TEST_P(ConnectionServiceContract, WithdrawingStartsACoolDownOfThreeWeeksInOneDirection) {
    ASSERT_TRUE(withdraw(a, world->invited(a, b)));
    world->clock.advance(1h);
    const auto refused = world->invite(a, b);
    EXPECT_EQ(problem_of(refused), "cool_down");
    EXPECT_EQ(refused.error().retry_after, std::chrono::seconds(std::chrono::weeks(3) - 1h));
    EXPECT_TRUE(world->invite(a, c)) << "others may be invited";

    world->clock.advance(std::chrono::weeks(3) - 1h - 1us);
    EXPECT_EQ(problem_of(world->invite(a, b)), "cool_down");
    world->clock.advance(1us);
    EXPECT_TRUE(world->invite(a, b));
}

// [C3]
TEST_P(ConnectionServiceContract, CoolDownLeavesTheOtherDirectionFree) {
    ASSERT_TRUE(withdraw(a, world->invited(a, b)));
    const auto back = world->invited(b, a);
    ASSERT_TRUE(world->accept(a, back));
    // A connection ends the cool-down.
    ASSERT_TRUE(disconnect(a, b));
    EXPECT_TRUE(world->invite(a, b));
}

// [C3]
TEST_P(ConnectionServiceContract, AnIgnoredInvitationCanBeWithdrawn) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(ignore(b, id));
    ASSERT_TRUE(withdraw(a, id));
    EXPECT_EQ(problem_of(world->invite(a, b)), "cool_down");
    EXPECT_EQ(world->number(kCountPending), 0);
}

// [C3]
TEST_P(ConnectionServiceContract, AnAcceptedInvitationCannotBeWithdrawn) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(world->accept(b, id));
    EXPECT_EQ(problem_of(withdraw(a, id)), "invitation_over");
    EXPECT_TRUE(world->are_connected(a, b));
}

// [C8]
TEST_P(ConnectionServiceContract, CrossingInvitationsConnect) {
    const auto first = world->invited(a, b);
    world->clock.advance(1s);
    const auto crossing = world->invite(b, a, "you first");
    ASSERT_TRUE(crossing);
    EXPECT_EQ(crossing->value.state, InvitationState::accepted);
    EXPECT_EQ(crossing->value.inviter.id, b);
    EXPECT_TRUE(world->are_connected(a, b));
    EXPECT_EQ(world->number(kCountPending), 0);
    EXPECT_EQ(world->run(service().find_invitation(world->as(a), first))->state, InvitationState::accepted);
    EXPECT_EQ(world->run(service().find_invitation(world->as(b), crossing->value.id))->state,
              InvitationState::accepted);
    EXPECT_THAT(world->event_types(), ElementsAre("connection.invited.v1", "connection.accepted.v1"));
    EXPECT_TRUE(world->accept(b, first)) << "an answer that crossed its own invitation changes nothing";
}

// Races.

// [C1] [C8]
TEST_P(ConnectionServiceContract, AThousandCrossingInvitationsMakeOneConnectionAndNothingPending) {
    const auto results = world->run_together<bool>(1000, 4, [&](std::size_t i) -> Task<bool> {
        const bool forth = i % 2 == 0;
        const Invite body{forth ? b : a, {}, {}};
        // All wait for one row. On a slow machine the last ones are refused in time (503), and ask again as a client
        // would.
        for (int left = 20;; --left) {
            try {
                const auto sent = co_await service().invite(world->as(forth ? a : b), body);
                if (!sent) EXPECT_EQ(sent.error().code, Code::conflict);
                co_return sent.has_value();
            } catch (const Unavailable&) {
                if (left == 0) throw;
            }
        }
    });
    EXPECT_EQ(std::ranges::count(results, true), 2) << "one invitation and the one that crossed it";
    EXPECT_EQ(world->number(kCountConnections), 2);
    EXPECT_EQ(world->number(kCountPending), 0);
    EXPECT_EQ(world->number(kCountInvited), 0);
    EXPECT_TRUE(world->are_connected(a, b));
    EXPECT_THAT(world->connections(a), ElementsAre(b));
    EXPECT_THAT(world->event_types(), ElementsAre("connection.invited.v1", "connection.accepted.v1"));
}

// [C1]
TEST_P(ConnectionServiceContract, ManyCopiesOfOneInvitationAreOne) {
    const auto results = world->run_together<bool>(64, 4, [&](std::size_t) -> Task<bool> {
        const Invite body{b, {}, {}};
        const auto sent = co_await service().invite(world->as(a), body);
        co_return sent.has_value();
    });
    EXPECT_EQ(std::ranges::count(results, true), 1);
    EXPECT_EQ(world->received(b).size(), 1U);
}

// [C2] [C3]
TEST_P(ConnectionServiceContract, AcceptAndWithdrawAtOnceHaveOneWinner) {
    for (int round = 0; round < 20; ++round) {
        const UserId inviter = world->member();
        const UserId invitee = world->member();
        const auto id = world->invited(inviter, invitee);
        const auto results = world->run_together<bool>(2, 2, [&](std::size_t i) -> Task<bool> {
            if ((i == 0) == (round % 2 == 0)) {
                const auto accepted = co_await service().accept(world->as(invitee), id);
                co_return accepted.has_value();
            }
            const auto taken_back = co_await service().withdraw(world->as(inviter), id);
            co_return !taken_back.has_value();
        });
        // Both say whether the invitation was accepted.
        EXPECT_EQ(results[0], results[1]);
        EXPECT_EQ(world->are_connected(inviter, invitee), results[0]);
        EXPECT_EQ(world->relationship(inviter, invitee).connected, results[0]);
    }
    EXPECT_EQ(world->number(kCountPending), 0);
}

// Anything at once between a few members: no interleaving leaves one side, or a pending row behind a connection.
// [C1] [C2] [C3] [C7] [C8]
TEST_P(ConnectionServiceContract, AnyInterleavingKeepsBothSidesAlike) {
    const std::vector<UserId> people{a, b, c, world->member()};
    world->run_together<bool>(600, 4, [&](std::size_t i) -> Task<bool> {
        std::mt19937 random(static_cast<unsigned>(i));
        const UserId me = people[random() % people.size()];
        const UserId them = people[random() % people.size()];
        const auto action = random() % 6;
        if (action <= 1) {
            const Invite body{them, {}, {}};
            const auto done = co_await service().invite(world->as(me), body);
            co_return done.has_value();
        }
        if (action == 2) {
            const auto done = co_await service().disconnect(world->as(me), them);
            co_return done.has_value();
        }
        const bool is_mine = action == 3;
        const auto box = is_mine ? co_await service().list_sent(world->as(me), {})
                                 : co_await service().list_received(world->as(me), {});
        if (box->items.empty()) co_return false;
        const InvitationId id = box->items[random() % box->items.size()].id;
        if (is_mine) {
            const auto done = co_await service().withdraw(world->as(me), id);
            co_return done.has_value();
        }
        if (action == 4) {
            const auto done = co_await service().ignore(world->as(me), id);
            co_return done.has_value();
        }
        const auto done = co_await service().accept(world->as(me), id);
        co_return done.has_value();
    });
    static constexpr sql::Statement kWrong{
        "test.wrong",
        "SELECT COUNT(*) FROM invitations i WHERE i.state IN ('pending', 'ignored') AND NOT EXISTS"
        " (SELECT 1 FROM pairs p WHERE p.state = 'invited' AND p.invitation_id = i.id)"};
    EXPECT_EQ(world->number(kWrong), 0);
    EXPECT_EQ(world->number(kCountPending), 2 * world->number(kCountInvited));
    for (const UserId user : people) {
        std::vector<UserId> listed = users_of(list(user));
        std::ranges::sort(listed);
        EXPECT_EQ(world->connections(user), listed) << "the cached list is the stored one";
    }
}

// Lists of invitations.

// [C4]
TEST_P(ConnectionServiceContract, InvitationsArePagedNewestFirstWhileMoreArrive) {
    const auto inviters = world->members(5);
    std::vector<InvitationId> ids;
    for (const UserId inviter : inviters) ids.push_back(world->invited(inviter, a));

    json::PageQuery query{{2}, {}};
    auto page = *world->run(service().list_received(world->as(a), query));
    ASSERT_EQ(page.items.size(), 2U);
    EXPECT_EQ(page.items[0].id, ids[4]);
    EXPECT_EQ(page.items[1].id, ids[3]);
    world->invited(world->member(), a);
    query.cursor = json::CursorText{*page.next_cursor};
    page = *world->run(service().list_received(world->as(a), query));
    ASSERT_EQ(page.items.size(), 2U);
    EXPECT_EQ(page.items[0].id, ids[2]);
    EXPECT_EQ(page.items[1].id, ids[1]);
    query.cursor = json::CursorText{*page.next_cursor};
    page = *world->run(service().list_received(world->as(a), query));
    ASSERT_EQ(page.items.size(), 1U);
    EXPECT_EQ(page.items[0].id, ids[0]);
    EXPECT_FALSE(page.next_cursor);

    const auto wrong = world->run(service().list_sent(world->as(a), query));
    EXPECT_EQ(code_of(wrong), Code::invalid) << "a cursor of another list";
}

// [C4]
TEST_P(ConnectionServiceContract, InvitationsCarryTheNumberOfMutualConnections) {
    const auto common = world->members(3);
    for (const UserId user : common) {
        world->connect(a, user);
        world->connect(b, user);
    }
    world->connect(a, world->member());
    const auto created = world->invite(b, a);
    world->invited(c, a);
    EXPECT_EQ(created->value.mutual_count, 3);
    const auto received = world->received(a);
    ASSERT_EQ(received.size(), 2U);
    EXPECT_EQ(received[0].mutual_count, 0);
    EXPECT_EQ(received[1].mutual_count, 3);
    EXPECT_EQ(world->sent(b).at(0).mutual_count, 3);

    // Whom the asking member may not see does not count, also before the block's event.
    world->block(common[0], a, true);
    EXPECT_EQ(world->received(a)[1].mutual_count, 2);
    EXPECT_EQ(world->sent(b).at(0).mutual_count, 3);
}

// [C4] [U32]
TEST_P(ConnectionServiceContract, InvitationsOfHiddenMembersAreNotListedAndPagesStayFull) {
    const auto inviters = world->members(6);
    std::vector<InvitationId> ids;
    for (const UserId inviter : inviters) ids.push_back(world->invited(inviter, a));
    world->block(a, inviters[5], true);
    world->block(inviters[3], a, true);
    const auto page = *world->run(service().list_received(world->as(a), {{3}, {}}));
    ASSERT_EQ(page.items.size(), 3U);
    EXPECT_EQ(page.items[0].id, ids[4]);
    EXPECT_EQ(page.items[1].id, ids[2]);
    EXPECT_EQ(page.items[2].id, ids[1]);
    EXPECT_TRUE(page.next_cursor);
    EXPECT_EQ(code_of(world->accept(a, ids[3])), Code::not_found);
    EXPECT_EQ(code_of(ignore(a, ids[3])), Code::not_found);
    EXPECT_EQ(code_of(withdraw(inviters[3], ids[3])), Code::not_found);
}

// Connections.

// [C7]
TEST_P(ConnectionServiceContract, RemovingAConnectionIsForBothAndTheyMayMeetAgain) {
    world->connect(a, b);
    ASSERT_TRUE(world->are_connected(b, a));
    ASSERT_TRUE(disconnect(b, a));
    EXPECT_FALSE(world->are_connected(a, b));
    EXPECT_FALSE(world->are_connected(b, a));
    EXPECT_THAT(list(a).items, IsEmpty());
    EXPECT_THAT(list(b).items, IsEmpty());
    EXPECT_EQ(code_of(disconnect(b, a)), Code::not_found);
    world->connect(a, b);
    EXPECT_TRUE(world->are_connected(a, b));
}

// [C7]
TEST_P(ConnectionServiceContract, RemovingWhatIsNotThereIsNotFound) {
    EXPECT_EQ(code_of(disconnect(a, b)), Code::not_found);
    EXPECT_EQ(code_of(disconnect(a, a)), Code::not_found);
    EXPECT_EQ(code_of(disconnect(a, UserId{5})), Code::not_found);
    world->invited(a, b);
    EXPECT_EQ(code_of(disconnect(a, b)), Code::not_found);
    EXPECT_EQ(world->received(b).size(), 1U) << "the invitation stays";
}

// [C2] [C7]
TEST_P(ConnectionServiceContract, AnOldInvitationDoesNotRestoreARemovedConnection) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(world->accept(b, id));
    ASSERT_TRUE(disconnect(a, b));
    EXPECT_EQ(problem_of(world->accept(b, id)), "invitation_over");
    EXPECT_FALSE(world->are_connected(a, b));
}

// [C10]
TEST_P(ConnectionServiceContract, ConnectionsAreListedByTimeAndByName) {
    const UserId zoe = world->member("Zoë Adams");
    const UserId adam = world->member("adam smith");
    const UserId emil = world->member("Émile Zola");
    for (const UserId user : {zoe, adam, emil}) {
        world->connect(a, user);
        world->clock.advance(1s);
    }
    EXPECT_THAT(users_of(list(a)), ElementsAre(emil, adam, zoe));
    EXPECT_EQ(list(a).items[2].connected_at, Time(std::chrono::days(20'000)));
    EXPECT_THAT(users_of(list(a, {{}, ConnectionSort::name, {}})), ElementsAre(adam, emil, zoe));
}

// [C10]
TEST_P(ConnectionServiceContract, EveryConnectionIsOnExactlyOnePageWhileMoreAreMade) {
    std::vector<UserId> others;
    for (int i = 0; i < 23; ++i) {
        others.push_back(world->member("Member " + std::to_string(i % 5)));
        world->connect(a, others.back());
        if (i % 3 == 0) world->clock.advance(1s);
    }
    for (const ConnectionSort sort : {ConnectionSort::recent, ConnectionSort::name}) {
        ListConnections query{{{5}, {}}, sort, {}};
        std::vector<UserId> seen;
        for (;;) {
            const auto page = list(a, query);
            EXPECT_LE(page.items.size(), 5U);
            for (const UserId user : users_of(page)) seen.push_back(user);
            if (!page.next_cursor) break;
            query.cursor = json::CursorText{*page.next_cursor};
            world->clock.advance(1s);
            world->connect(world->member("AAA first of all"), a);
        }
        std::vector<UserId> sorted = seen;
        std::ranges::sort(sorted);
        EXPECT_EQ(std::ranges::unique(sorted).size(), 0U) << "no item twice";
        for (const UserId user : others) EXPECT_THAT(seen, testing::Contains(user));
    }
}

// [C10]
TEST_P(ConnectionServiceContract, SearchFindsWordsOfNamesByTheirBeginning) {
    for (const char* name :
         {"Zoë Adams", "adam smith", "Ben McAdam", "Jean-Pierre Łąka", "100%_Real O'Neil", "Real Adams Zoe"}) {
        world->connect(a, world->member(name));
        world->clock.advance(1s);
    }
    const auto search = [&](const char* q, ConnectionSort sort = ConnectionSort::name) {
        return names_of(list(a, {{}, sort, json::Line<1, 100>{q}}));
    };
    EXPECT_THAT(search("adam"), ElementsAre("adam smith", "Real Adams Zoe", "Zoë Adams"));
    EXPECT_THAT(search("adam", ConnectionSort::recent), ElementsAre("Real Adams Zoe", "adam smith", "Zoë Adams"));
    EXPECT_THAT(search("zoe ada"), ElementsAre("Real Adams Zoe", "Zoë Adams"));
    EXPECT_THAT(search("PIERRE"), ElementsAre("Jean-Pierre Łąka"));
    EXPECT_THAT(search("neil o 100"), ElementsAre("100%_Real O'Neil"));
    EXPECT_THAT(search("dams"), IsEmpty());
    EXPECT_THAT(search("%"), IsEmpty());
    EXPECT_THAT(search("a_am"), IsEmpty());
    EXPECT_THAT(search("\\"), IsEmpty());
    EXPECT_THAT(search("adam zoe adams real"), IsEmpty());
}

// [C10]
TEST_P(ConnectionServiceContract, AChangedNameMovesInEveryList) {
    const UserId mover = world->member("Alpha");
    const UserId other = world->member("Beta");
    world->connect(a, mover);
    world->connect(mover, b);
    world->connect(a, other);
    world->directory.put(mover, "Žofie Omega");
    world->deliver(user::ProfileChanged{mover});
    const ListConnections by_name{{}, ConnectionSort::name, {}};
    EXPECT_THAT(names_of(list(a, by_name)), ElementsAre("Beta", "Žofie Omega"));
    EXPECT_THAT(names_of(list(b, {{}, {}, json::Line<1, 100>{"zofie"}})), ElementsAre("Žofie Omega"));
}

// [C10]
TEST_P(ConnectionServiceContract, AProfileChangeOfSomethingElseWritesNothing) {
    world->connect(a, b);
    world->deliver(user::ProfileChanged{b});  // the first writes down what the profile says
    const int before = world->database.transactions;
    world->deliver(user::ProfileChanged{b});
    EXPECT_EQ(world->database.transactions, before);
}

// [C10]
TEST_P(ConnectionServiceContract, ANameThatChangesWhileConnectingIsNotLost) {
    const auto id = world->invited(a, b);
    // The event passes before the connection's rows are there.
    world->database.before_next_transaction = [&] { world->directory.put(b, "Renamed Bartók"); };
    ASSERT_TRUE(world->accept(b, id));
    EXPECT_EQ(list(a, {{}, {}, json::Line<1, 100>{"renamed"}}).items.size(), 1U);
}

// [C10] [U32]
TEST_P(ConnectionServiceContract, ConnectionsOfOthersAreForTheirConnections) {
    world->connect(a, b);
    world->connect(a, c);
    const auto list_of = [&](UserId viewer, UserId owner) {
        return world->run(service().list_connections_of(world->as(viewer), owner, {}));
    };
    EXPECT_THAT(users_of(*list_of(b, a)), UnorderedElementsAre(b, c));
    EXPECT_THAT(users_of(*list_of(a, a)), UnorderedElementsAre(b, c));
    const UserId stranger = world->member();
    EXPECT_EQ(code_of(list_of(stranger, a)), Code::forbidden);
    EXPECT_EQ(problem_of(list_of(stranger, a)), "connections_hidden");
    EXPECT_EQ(code_of(list_of(a, UserId{4})), Code::not_found);
    world->block(c, b, true);
    EXPECT_THAT(users_of(*list_of(b, a)), ElementsAre(b)) << "whom the viewer may not see is left out";
    world->block(a, stranger, true);
    EXPECT_EQ(code_of(list_of(stranger, a)), Code::not_found) << "not 403: that would tell";
}

TEST_P(ConnectionServiceContract, AMemberWithoutConnectionsHasAnEmptyPage) {
    EXPECT_THAT(list(a).items, IsEmpty());
    EXPECT_FALSE(list(a).next_cursor);
    ListConnections query;
    query.cursor = json::CursorText{"nonsense"};
    EXPECT_EQ(code_of(world->run(service().list_connections(world->as(a), query))), Code::invalid);
}

// Relationships and mutual connections.

// [C12]
TEST_P(ConnectionServiceContract, RelationshipsOfManyInOneStatement) {
    const auto friends = world->members(2);
    const UserId invited = world->member();
    const UserId inviter = world->member();
    const UserId stranger = world->member();
    const UserId blocked = world->member();
    for (const UserId user : friends) world->connect(a, user);
    const auto sent = world->invited(a, invited);
    const auto received = world->invited(inviter, a);
    world->block(a, blocked);

    const int before = world->database.reads;
    const AskRelationships query{{{stranger, inviter, friends[1], a, UserId{99}, invited, friends[0], blocked}}};
    const auto page = *world->run(service().list_relationships(world->as(a), query));
    EXPECT_EQ(world->database.reads, before + 1);
    ASSERT_EQ(page.items.size(), 8U);
    EXPECT_FALSE(page.next_cursor);
    const auto json_at = [&](std::size_t i) { return json::to_json(page.items[i]); };
    const auto json_of = [](const Relationship& relationship) { return json::to_json(relationship); };
    using P = PendingInvitation;
    EXPECT_EQ(json_at(0), json_of({stranger, false, P::none, {}, false, false, {}}));
    EXPECT_EQ(json_at(1), json_of({inviter, false, P::received, received, false, false, {}}));
    EXPECT_EQ(json_at(2), json_of({friends[1], true, P::none, {}, true, false, 1}));
    EXPECT_EQ(json_at(3), json_of({a, false, P::none, {}, false, false, 0}));
    EXPECT_EQ(json_at(4), json_of({UserId{99}, false, P::none, {}, false, false, {}}));
    EXPECT_EQ(json_at(5), json_of({invited, false, P::sent, sent, false, false, {}}));
    EXPECT_EQ(json_at(6), json_of({friends[0], true, P::none, {}, true, false, 1}));
    EXPECT_EQ(json_at(7), json_of({blocked, false, P::none, {}, false, true, {}}));
}

// [C12] [U32]
TEST_P(ConnectionServiceContract, WhoIsBlockedSeesAStrangerAtOnceAndLater) {
    world->connect(a, b);
    const auto stranger = json::to_json(Relationship{a, false, PendingInvitation::none, {}, false, false, {}});
    world->block(a, b, true);
    EXPECT_EQ(json::to_json(world->relationship(b, a)), stranger);
    EXPECT_TRUE(world->relationship(a, b).blocked);
    EXPECT_FALSE(world->relationship(a, b).connected);
    EXPECT_THAT(list(a).items, IsEmpty());
    EXPECT_THAT(list(b).items, IsEmpty());
    world->deliver(user::Blocked{a, b});
    EXPECT_EQ(json::to_json(world->relationship(b, a)), stranger);
}

// [C13]
TEST_P(ConnectionServiceContract, MutualConnectionsAreTheIntersection) {
    const auto people = world->members(30);
    std::set<UserId> expected;
    for (std::size_t i = 0; i < people.size(); ++i) {
        if (i % 2 == 0) world->connect(a, people[i]);
        if (i % 3 == 0) world->connect(b, people[i]);
        if (i % 6 == 0) expected.insert(people[i]);
    }
    json::PageQuery query{{2}, {}};
    std::vector<UserId> seen;
    for (;;) {
        const auto page = *world->run(service().list_mutual(world->as(a), b, query));
        EXPECT_EQ(page.total, 5);
        for (const auto& card : page.items) seen.push_back(card.id);
        if (!page.next_cursor) break;
        query.cursor = json::CursorText{*page.next_cursor};
    }
    EXPECT_THAT(seen, testing::ElementsAreArray(expected.begin(), expected.end()));
}

// [C13] [U32]
TEST_P(ConnectionServiceContract, MutualConnectionsLeaveOutWhomTheViewerMayNotSee) {
    for (const UserId user : {a, b}) world->connect(c, user);
    const auto mutual = [&](UserId viewer, UserId other) {
        return world->run(service().list_mutual(world->as(viewer), other, {}));
    };
    EXPECT_EQ(mutual(a, b)->total, 1);
    world->block(c, a, true);
    EXPECT_EQ(mutual(a, b)->total, 0);
    EXPECT_EQ(code_of(mutual(a, c)), Code::not_found);
    EXPECT_EQ(code_of(mutual(a, UserId{3})), Code::not_found);
}

// Blocks.

// [U32]
TEST_P(ConnectionServiceContract, ABlockEndsTheConnectionOnceWhateverHowOftenItsEventComes) {
    world->connect(a, b);
    ASSERT_TRUE(world->are_connected(a, b));
    world->directory.block(b, a);
    const auto id = world->ids.next<bus::EventId>();
    world->deliver(user::Blocked{b, a}, id);
    world->deliver(user::Blocked{b, a}, id);
    EXPECT_FALSE(world->are_connected(a, b));
    EXPECT_THAT(world->connections(a), IsEmpty());
    EXPECT_THAT(world->event_types(),
                ElementsAre("connection.invited.v1", "connection.accepted.v1", "connection.removed.v1"));
    EXPECT_EQ(json::read_trusted<Disconnected>(world->events()[2].data).remover_id, b);
}

// [U32]
TEST_P(ConnectionServiceContract, ABlockEndsPendingInvitationsAndNothingComesBackWithItsEnd) {
    const auto id = world->invited(a, b);
    world->block(b, a);
    EXPECT_EQ(world->number(kCountPending), 0);
    EXPECT_EQ(code_of(world->accept(b, id)), Code::not_found);
    world->unblock(b, a);
    EXPECT_THAT(world->received(b), IsEmpty());
    EXPECT_EQ(problem_of(world->accept(b, id)), "invitation_withdrawn");
    EXPECT_TRUE(world->invite(a, b)) << "no cool-down: nobody withdrew";
}

// [U32]
TEST_P(ConnectionServiceContract, ABlockBySidesEndsWithTheLastOfThem) {
    world->block(a, b);
    world->block(b, a);
    world->unblock(a, b);
    EXPECT_EQ(code_of(world->invite(a, b)), Code::not_found);
    world->unblock(b, a);
    EXPECT_TRUE(world->invite(a, b));
}

// The directory is asked before the transaction; a block whose event comes in between must not be overtaken.
// [U32]
TEST_P(ConnectionServiceContract, AnInvitationThatRacesWithABlockIsRefused) {
    // Its event is consumed, but the request had asked the directory before: as if the block came in between.
    world->deliver(user::Blocked{a, b});
    EXPECT_EQ(code_of(world->invite(b, a)), Code::not_found);
    EXPECT_EQ(world->number(kCountPending), 0);
    EXPECT_EQ(*import({{a, b, world->clock.now()}}), 0U);
}

// Events.

// [C28]
TEST_P(ConnectionServiceContract, EveryChangeHasItsEventUnderThePairsKey) {
    world->connect(b, a);
    ASSERT_TRUE(disconnect(a, b));
    const auto events = world->events();
    ASSERT_EQ(events.size(), 3U);
    const auto invited = json::read_trusted<Invited>(events[0].data);
    EXPECT_EQ(events[0].type, "connection.invited.v1");
    EXPECT_EQ(invited.low_id, a);
    EXPECT_EQ(invited.high_id, b);
    EXPECT_EQ(invited.inviter_id, b);
    EXPECT_EQ(invited.invitee_id, a);
    const auto connected = json::read_trusted<Connected>(events[1].data);
    EXPECT_EQ(events[1].type, "connection.accepted.v1");
    EXPECT_EQ(connected.low_id, a);
    EXPECT_EQ(connected.accepter_id, a);
    EXPECT_EQ(events[2].type, "connection.removed.v1");
    EXPECT_EQ(json::read_trusted<Disconnected>(events[2].data).remover_id, a);
    for (const auto& event : events) EXPECT_EQ(event.subject, a.value);
}

// [C28]
TEST_P(ConnectionServiceContract, ARefusedChangeLeavesNoEvent) {
    const auto id = world->invited(a, b);
    ASSERT_TRUE(withdraw(a, id));
    const auto before = world->events().size();
    EXPECT_FALSE(world->invite(a, b));
    EXPECT_FALSE(world->accept(b, id));
    EXPECT_FALSE(world->accept(c, id));
    EXPECT_FALSE(disconnect(a, b));
    EXPECT_EQ(world->events().size(), before);
}

// The key of another request that has just won: the whole invitation is rolled back, its event too.
// [C28]
TEST_P(ConnectionServiceContract, AnInvitationThatCannotBeRememberedDidNotHappen) {
    http::IdempotencyClaim first(a, "POST /v1/invitations", "key-1", "x", world->clock.now());
    world->request.idempotency = &first;
    ASSERT_TRUE(world->invite(a, c));
    http::IdempotencyClaim second(a, "POST /v1/invitations", "key-1", "x", world->clock.now());
    world->request.idempotency = &second;
    EXPECT_EQ(code_of(world->invite(a, b)), Code::conflict);
    world->request.idempotency = nullptr;
    EXPECT_THAT(world->received(b), IsEmpty());
    EXPECT_EQ(world->events().size(), 1U);
}

// What other services ask.

TEST_P(ConnectionServiceContract, WarmAnswersTouchNoDatabase) {
    world->connect(a, b);
    EXPECT_EQ(world->network().cached_connections_of(a), nullptr);
    EXPECT_TRUE(world->are_connected(a, b));
    const int before = world->database.reads;
    EXPECT_TRUE(world->are_connected(a, b));
    EXPECT_TRUE(world->are_connected(b, a)) << "answered from the list of a";
    EXPECT_FALSE(world->are_connected(a, c));
    EXPECT_FALSE(world->are_connected(a, a));
    EXPECT_THAT(world->connections(a), ElementsAre(b));
    ASSERT_NE(world->network().cached_connections_of(a), nullptr);
    EXPECT_THAT(*world->network().cached_connections_of(a), ElementsAre(b));
    EXPECT_EQ(world->database.reads, before);
}

TEST_P(ConnectionServiceContract, ListsInMemoryFollowEachChange) {
    const auto people = world->members(5);
    for (const UserId user : people) world->connections(user);
    world->connect(people[4], people[0]);
    world->connect(people[2], people[0]);
    EXPECT_THAT(world->connections(people[0]), ElementsAre(people[2], people[4]));
    EXPECT_THAT(world->connections(people[4]), ElementsAre(people[0]));
    ASSERT_TRUE(disconnect(people[0], people[4]));
    EXPECT_THAT(world->connections(people[0]), ElementsAre(people[2]));
    EXPECT_THAT(world->connections(people[4]), IsEmpty());
}

// Import.

TEST_P(ConnectionServiceContract, ImportedConnectionsAreLikeOthers) {
    const Time then{std::chrono::days(15'000)};
    EXPECT_EQ(*import({{b, a, then}, {c, a, then + 1s}}), 2U);
    EXPECT_THAT(users_of(list(a)), ElementsAre(c, b));
    EXPECT_EQ(list(b).items.at(0).connected_at, then);
    EXPECT_THAT(names_of(list(a, {{}, {}, json::Line<1, 100>{"bela"}})), ElementsAre("Béla Bartók"));
    EXPECT_TRUE(world->relationship(a, b).connected);
    const auto events = world->events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(json::read_trusted<Connected>(events[0].data).accepter_id, b);
    EXPECT_EQ(json::read_trusted<Connected>(events[1].data).high_id, c);
}

TEST_P(ConnectionServiceContract, AnImportCanBeRunAgain) {
    const Time then{std::chrono::days(15'000)};
    EXPECT_EQ(*import({{a, b, then}, {b, a, then + 1s}, {a, b, then}}), 1U) << "the earliest of doubles";
    world->connections(a);
    world->connections(c);
    EXPECT_EQ(*import({{a, b, then + 9s}, {c, a, then}}), 1U);
    EXPECT_EQ(*import({{a, b, then}, {c, a, then}}), 0U);
    EXPECT_EQ(*import({}), 0U);
    EXPECT_THAT(world->connections(a), ElementsAre(b, c));
    EXPECT_THAT(world->connections(c), ElementsAre(a));
    EXPECT_EQ(list(b).items.at(0).connected_at, then);
    EXPECT_EQ(world->events().size(), 2U);
}

TEST_P(ConnectionServiceContract, AnImportAcceptsWhatIsPendingAndKeepsBlockedMembersApart) {
    const Time then{std::chrono::days(15'000)};
    const auto id = world->invited(a, b);
    world->block(c, a);
    EXPECT_EQ(*import({{a, b, then}, {a, c, then}, {b, c, then}}), 2U);
    EXPECT_TRUE(world->are_connected(a, b));
    EXPECT_FALSE(world->are_connected(a, c));
    EXPECT_TRUE(world->are_connected(b, c));
    EXPECT_EQ(world->run(service().find_invitation(world->as(b), id))->state, InvitationState::accepted);
    EXPECT_EQ(world->number(kCountPending), 0);
}

TEST_P(ConnectionServiceContract, AFaultyImportWritesNothing) {
    const Time then{std::chrono::days(15'000)};
    EXPECT_EQ(code_of(import({{a, b, then}, {c, c, then}})), Code::unprocessable);
    EXPECT_EQ(code_of(import({{a, b, then}, {c, UserId{7}, then}})), Code::unprocessable);
    EXPECT_EQ(world->number(kCountConnections), 0);
    EXPECT_THAT(world->events(), IsEmpty());
}

// [C5] [C10] [C13] As many connections as one can have: one more is refused, and all else works.
TEST_P(ConnectionServiceContract, AMemberWithThirtyThousandConnectionsGoesOnWorking) {
    const auto people = world->members(Limits{}.connections);
    for (std::size_t start = 0; start < people.size(); start += 1000) {
        std::vector<ImportedConnection> batch;
        for (std::size_t i = start; i < start + 1000; ++i) batch.push_back({a, people[i], world->clock.now()});
        ASSERT_EQ(*import(std::move(batch)), 1000U);
    }
    EXPECT_EQ(problem_of(world->invite(a, b)), "connection_limit");
    const auto waiting = world->invited(b, a);
    EXPECT_EQ(problem_of(world->accept(a, waiting)), "connection_limit");

    ListConnections query;
    query.sort = ConnectionSort::name;
    query.limit.value = 100;
    EXPECT_EQ(list(a, query).items.size(), 100U);
    world->connect(b, people[29'999]);
    const auto mutual = world->run(service().list_mutual(world->as(b), a, {}));
    ASSERT_TRUE(mutual);
    EXPECT_EQ(mutual->total, 1);

    ASSERT_TRUE(disconnect(a, people[0]));
    EXPECT_TRUE(world->accept(a, waiting));
    EXPECT_EQ(world->connections(a).size(), Limits{}.connections);
}

// The size of the real network that the demonstration loads: 4,039 members and 88,234 connections.
TEST_P(ConnectionServiceContract, ALargeNetworkIsImportedInSeconds) {
    const auto people = world->members(4039);
    std::mt19937 random(7);
    std::set<std::pair<std::size_t, std::size_t>> edges;
    while (edges.size() < 88'234) {
        // Few have many: the smaller of two draws.
        const std::size_t from = std::min(random() % people.size(), random() % people.size());
        const std::size_t to = random() % people.size();
        if (from != to) edges.insert({std::min(from, to), std::max(from, to)});
    }
    const auto start = std::chrono::steady_clock::now();
    std::size_t count = 0;
    std::vector<ImportedConnection> batch;
    for (const auto& [from, to] : edges) {
        batch.push_back({people[from], people[to], world->clock.now()});
        if (batch.size() < 500) continue;
        count += *import(std::exchange(batch, {}));
    }
    count += *import(std::move(batch));
    const auto took = std::chrono::steady_clock::now() - start;
    RecordProperty("import_ms", static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    std::printf("import of 88,234 connections: %lld ms\n",
                static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    EXPECT_EQ(count, 88'234U);
    EXPECT_EQ(world->number(kCountConnections), 2 * 88'234);
    EXPECT_LT(took, 60s);
}

}  // namespace
}  // namespace guildhall::connection
