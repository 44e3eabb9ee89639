// The Directory, as a direct call and over HTTP: who asks cannot tell them apart.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "services/user/public/directory_client.hpp"
#include "services/user/public/sessions_client.hpp"
#include "support/both_ways.hpp"
#include "support/user_world.hpp"

namespace guildhall::user::test {
namespace {

class DirectoryContract : public guildhall::test::BothWays<World> {
protected:
    DirectoryContract() : BothWays("user") {}
    void ask_over_http() override {
        DirectoryClient::Options options;
        options.now = [this] { return now; };
        client.emplace(remote->client(), world->coherence, options);
    }

    Directory& directory() { return client ? *client : world->directory(); }
    template <class T>
    T run(Task<T> task) {
        return world->run(std::move(task));
    }
    std::vector<CardPointer> cards(std::vector<UserId> ids) { return run(directory().cards(std::move(ids))); }
    UserSet hidden(UserId user) { return *run(directory().hidden_from(user)); }
    UserSet blocked(UserId user, std::vector<UserId> others) {
        return run(directory().blocked_by(user, std::move(others)));
    }
    std::vector<UserId> of_handles(std::vector<std::string> handles) {
        return run(directory().ids_of_handles(std::move(handles)));
    }
    // What members do.
    void rename(const Tokens& member, const std::string& name) {
        UpdateProfile patch;
        patch.name.value = {name};
        ASSERT_TRUE(run(world->users().update_me(world->caller(member), std::move(patch))));
    }
    void block(const Tokens& member, UserId other) {
        ASSERT_TRUE(run(world->users().block(world->caller(member), other)));
    }
    // Sessions 1 to `count` end, all but the last ten at once.
    void insert_revoked(std::size_t count) {
        std::string rows;
        for (std::size_t i = 1; i <= count; ++i) {
            const auto at = to_micros(world->clock.now()) + (i + 10 > count ? static_cast<std::int64_t>(i) : 0);
            rows += (i > 1 ? "," : "") + ("(" + std::to_string(i)) + ",1," + std::to_string(at) + ")";
        }
        world->database.execute_script("INSERT INTO revoked_sessions (session_id, user_id, revoked_at) VALUES " + rows);
    }
    void unblock(const Tokens& member, UserId other) {
        ASSERT_TRUE(run(world->users().unblock(world->caller(member), other)));
    }

    std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
    std::optional<DirectoryClient> client;
};

INSTANTIATE_TEST_SUITE_P(, DirectoryContract, guildhall::test::both_ways(),
                         [](const auto& info) { return guildhall::test::name_of_pair(info); });

constexpr UserId kNobody{999};

TEST_P(DirectoryContract, CardsComeInTheOrderOfTheirIds) {
    const auto ada = world->sign_up("ada@example.org", "Ada \"🦉\" Lovelace", "ada-l");
    const auto bea = world->sign_up("bea@example.org", "Bea Ito");
    const auto found = cards({bea.user_id, ada.user_id, bea.user_id});
    ASSERT_EQ(found.size(), 3);
    EXPECT_EQ(found[0]->name, "Bea Ito");
    EXPECT_EQ(found[1]->name, "Ada \"🦉\" Lovelace");
    EXPECT_EQ(found[1]->handle, "ada-l");
    EXPECT_EQ(found[1]->id, ada.user_id);
    EXPECT_EQ(found[2]->id, bea.user_id);
}

TEST_P(DirectoryContract, ThereIsNoCardOfNobody) {
    const auto ada = world->sign_up("ada@example.org");
    const auto found = cards({kNobody, UserId{}, ada.user_id});
    EXPECT_FALSE(found[0]);
    EXPECT_FALSE(found[1]);
    EXPECT_TRUE(found[2]);
    EXPECT_TRUE(cards({}).empty());
}

TEST_P(DirectoryContract, FiveHundredCardsAtOnce) {
    const auto ada = world->sign_up("ada@example.org");
    std::vector<UserId> ids(500, ada.user_id);
    for (std::int64_t i = 1; i < 499; ++i) ids[static_cast<std::size_t>(i)] = UserId{ada.user_id.value + i};
    const auto found = cards(ids);
    EXPECT_TRUE(found.front());
    EXPECT_FALSE(found[1]);
    EXPECT_TRUE(found.back());
}

TEST_P(DirectoryContract, ExistsWhoIsVerified) {
    const auto ada = world->sign_up("ada@example.org");
    EXPECT_TRUE(run(directory().exists(ada.user_id)));
    EXPECT_FALSE(run(directory().exists(kNobody)));
    EXPECT_FALSE(run(directory().exists(kNoMember)));
}

// [F: unbounded sets read on each request]
TEST_P(DirectoryContract, AListOfThousandsOfHiddenMembersIsReadOnce) {
    world->database.execute_script(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "INSERT INTO blocked_by (user_id, by_id) SELECT 77, i + 1000 FROM n");
    EXPECT_EQ(run(directory().hidden_from(UserId{77}))->size(), 20'000U);
    const int calls = world->database.calls();
    EXPECT_EQ(run(directory().hidden_from(UserId{77}))->size(), 20'000U);
    EXPECT_EQ(world->database.calls(), calls);
}

TEST_P(DirectoryContract, AChangedProfileRetiresTheCard) {
    const auto ada = world->sign_up("ada@example.org", "Ada Byron");
    const CardPointer before = cards({ada.user_id}).front();
    EXPECT_TRUE(before->is_current());
    rename(ada, "Ada Lovelace");
    EXPECT_FALSE(before->is_current());
    EXPECT_EQ(cards({ada.user_id}).front()->name, "Ada Lovelace");
}

TEST_P(DirectoryContract, ABlockHidesEachFromTheOther) {
    const auto ada = world->sign_up("ada@example.org");
    const auto bea = world->sign_up("bea@example.org");
    EXPECT_TRUE(hidden(ada.user_id).empty());
    EXPECT_TRUE(hidden(bea.user_id).empty());
    block(ada, bea.user_id);
    EXPECT_EQ(hidden(ada.user_id), UserSet{bea.user_id});
    EXPECT_EQ(hidden(bea.user_id), UserSet{ada.user_id});
    unblock(ada, bea.user_id);
    EXPECT_TRUE(hidden(ada.user_id).empty());
    EXPECT_TRUE(hidden(bea.user_id).empty());
}

TEST_P(DirectoryContract, NobodyIsHiddenFromWhoIsNotSignedIn) { EXPECT_TRUE(hidden(UserId{}).empty()); }

TEST_P(DirectoryContract, OnlyWhoBlocksKnowsIt) {
    const auto ada = world->sign_up("ada@example.org");
    const auto bea = world->sign_up("bea@example.org");
    const auto cleo = world->sign_up("cleo@example.org");
    block(ada, bea.user_id);
    block(cleo, ada.user_id);
    EXPECT_EQ(blocked(ada.user_id, {bea.user_id, cleo.user_id, kNobody}), UserSet{bea.user_id});
    EXPECT_TRUE(blocked(bea.user_id, {ada.user_id}).empty());
    EXPECT_TRUE(blocked(ada.user_id, {}).empty());
}

TEST_P(DirectoryContract, HandlesAreFoundInTheirOrder) {
    const auto ada = world->sign_up("ada@example.org", "Ada", "ada-l");
    const auto bea = world->sign_up("bea@example.org", "Bea", "bea-i");
    EXPECT_EQ(of_handles({"bea-i", "no-one", "ada-l"}), (std::vector{bea.user_id, UserId{}, ada.user_id}));
    EXPECT_TRUE(of_handles({}).empty());
}

TEST_P(DirectoryContract, AnsweredFromMemoryWhenWarm) {
    const auto ada = world->sign_up("ada@example.org");
    cards({ada.user_id});
    hidden(ada.user_id);
    const int before = world->database.reads;
    cards({ada.user_id});
    hidden(ada.user_id);
    EXPECT_EQ(world->database.reads, before);
}

/// Only of a copy in another process: it may be outdated, and its service may be unavailable.
class RemoteDirectory : public DirectoryContract {};

INSTANTIATE_TEST_SUITE_P(, RemoteDirectory,
                         testing::Combine(testing::Values("sqlite", "postgres"), testing::Values("http")),
                         [](const auto& info) { return guildhall::test::name_of_pair(info); });

TEST_P(RemoteDirectory, ACardIsRetiredAfterItsTime) {
    const auto ada = world->sign_up("ada@example.org", "Ada Byron");
    const CardPointer before = cards({ada.user_id}).front();
    now += DirectoryClient::Options{}.ttl;
    EXPECT_TRUE(before->is_current());
    client->expire();
    EXPECT_FALSE(before->is_current());
}

TEST_P(RemoteDirectory, WhatAReplicaSaidInThePlaceOfThePrimaryIsNotKept) {
    const auto ada = world->sign_up("ada@example.org", "Ada Byron");
    world->database.may_be_stale = true;
    const CardPointer stale = cards({ada.user_id}).front();
    EXPECT_EQ(stale->name, "Ada Byron");
    EXPECT_FALSE(stale->is_current());
    hidden(ada.user_id);
    world->database.may_be_stale = false;
    const int before = world->database.reads;
    EXPECT_TRUE(cards({ada.user_id}).front()->is_current());
    hidden(ada.user_id);
    EXPECT_EQ(world->database.reads, before + 2);
}

TEST_P(RemoteDirectory, MoreEndedSessionsThanOneAnswerHoldsReachAnotherProcess) {
    const auto ada = world->sign_up("ada@example.org");
    constexpr std::size_t kMany = kMaxRevokedInAnswer + 2;
    insert_revoked(kMany);
    http::AccessTokens verifier("test", world->clock);
    SessionsClient sessions(remote->client(), verifier, world->clock, std::chrono::minutes(16));
    const int before = world->database.reads;
    run(sessions.refresh());
    EXPECT_EQ(world->database.reads, before + 2);
    for (std::size_t i = 0; i < kMany; ++i) {
        const http::AccessClaims claims{ada.user_id, SessionId{static_cast<std::int64_t>(1 + i)}, {}};
        EXPECT_TRUE(sessions.revocations().is_revoked(claims)) << i;
    }
}

TEST_P(RemoteDirectory, ARevokedSessionReachesAnotherProcess) {
    const auto ada = world->sign_up("ada@example.org");
    const auto other = world->log_in("ada@example.org");
    http::AccessTokens verifier("test", world->clock);
    SessionsClient sessions(remote->client(), verifier, world->clock, std::chrono::minutes(16));
    const auto lets_in = [&](const Tokens& tokens) {
        const auto claims = verifier.verify(tokens.access_token);
        return claims && !sessions.revocations().is_revoked(*claims);
    };
    EXPECT_FALSE(lets_in(ada));  // it knows no key yet
    EXPECT_EQ(sessions.refreshed_at(), Time{});
    run(sessions.refresh());
    EXPECT_EQ(sessions.refreshed_at(), world->clock.now());
    EXPECT_TRUE(lets_in(ada));
    EXPECT_TRUE(lets_in(*other));

    ASSERT_TRUE(run(world->auth().log_out(world->caller(*other))));
    run(sessions.refresh());
    EXPECT_TRUE(lets_in(ada));
    EXPECT_FALSE(lets_in(*other));
}

TEST_P(RemoteDirectory, WhatIsKnownOfSessionsStaysWhenTheUserServiceIsAway) {
    const auto ada = world->sign_up("ada@example.org");
    http::AccessTokens verifier("test", world->clock);
    SessionsClient sessions(remote->client(), verifier, world->clock, std::chrono::minutes(16));
    run(sessions.refresh());
    remote->stop_server();
    EXPECT_THROW(run(sessions.refresh()), Unavailable);
    EXPECT_TRUE(verifier.verify(ada.access_token));
}

}  // namespace
}  // namespace guildhall::user::test
