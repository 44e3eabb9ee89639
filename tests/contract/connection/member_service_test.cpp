// What the profiles say, kept here.
#include "services/connection/member_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/text.hpp"
#include "support/graph_keeper_test.hpp"

namespace guildhall::connection {
namespace {

using test::WatchedKeeper;

class MemberServiceContract : public test::GraphKeeperTest {
protected:
    MemberService& profiles() { return watched().profiles; }
    WatchedKeeper& watched() {
        if (!watched_) watched_ = std::make_unique<WatchedKeeper>(*world);
        return *watched_;
    }
    void refresh(std::vector<UserId> users) { world->run(profiles().refresh(std::move(users))); }
    std::vector<Member> rows(std::vector<UserId> users) {
        return world->run(watched().members.list_members(std::move(users)));
    }

private:
    std::unique_ptr<WatchedKeeper> watched_;
};

INSTANTIATE_TEST_SUITE_P(, MemberServiceContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return std::string(engine.param); });

TEST_P(MemberServiceContract, WhatProfilesSayIsKeptFoldedAndToldOnce) {
    const UserId a = world->member();
    const UserId b = world->member();
    world->directory.put_traits({a, "Zürich", "Watch Making"});
    refresh({a, b, UserId{1}});
    const std::vector<Member> found = rows({a, b, UserId{1}});
    ASSERT_EQ(found.size(), 2U) << "who does not exist gets no row";
    EXPECT_EQ(found[0], (Member{.id = a, .place = fold("Zürich"), .industry = fold("Watch Making")}));
    EXPECT_EQ(found[1], (Member{.id = b}));
    const auto told = world->event_types();
    EXPECT_THAT(told, testing::ElementsAre(MemberChanged::kType, MemberChanged::kType))
        << "also of one who says nothing: the row is new";
    const int transactions = world->database.transactions;
    refresh({a, b});
    EXPECT_EQ(world->event_types(), told);
    EXPECT_EQ(world->database.transactions, transactions) << "where nothing changes nothing is locked";
}

TEST_P(MemberServiceContract, AProfileThatChangesMeanwhileIsNotOverwritten) {
    const UserId a = world->member();
    world->directory.put_traits({a, "Bern", ""});
    world->database.before_next_transaction = [&] { world->directory.put_traits({a, "Basel", ""}); };
    refresh({a});
    EXPECT_EQ(rows({a}).at(0).place, "basel");
}

// [C27] Members of before the migration: only their profile knows place and industry.
TEST_P(MemberServiceContract, ARebuildAsksForTheProfiles) {
    const auto people = people_in_rows(3);
    for (const UserId id : people) world->directory.put_traits({id, "Bern", "Bears"});
    compare(false);
    EXPECT_EQ(rows(people).at(0).place, "");
    compare(true);
    for (const Member& member : rows(people)) EXPECT_EQ(member.place, "bern");
    for (const GraphEntry& entry : graph()) EXPECT_EQ(entry.member.industry, "bears");
}

}  // namespace
}  // namespace guildhall::connection
