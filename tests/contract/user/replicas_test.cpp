// Two processes of the user service on one database, and a third of another service that keeps copies: what one has
// answered, all show.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "services/user/public/directory_client.hpp"
#include "support/three_processes.hpp"
#include "support/user_world.hpp"

namespace guildhall::user::test {
namespace {

class UserReplicas : public guildhall::test::ThreeProcesses<World, DirectoryClient> {
protected:
    std::string service() const override { return "user"; }
    void make_first(std::optional<World>& place, cache::Coherence& coherence) override {
        place.emplace(GetParam(), World::Change{}, &coherence);
    }
    CardPointer card(Directory& directory, UserId user) {
        std::vector<UserId> ids{user};
        return b().run(directory.cards(std::move(ids))).front();
    }
    UserSet hidden(Directory& directory, UserId user) { return *b().run(directory.hidden_from(user)); }
    Result<Me> change(World& world, const Tokens& member, UpdateProfile patch) {
        return world.run(world.users().update_me(world.caller(member), std::move(patch)));
    }
};

INSTANTIATE_TEST_SUITE_P(, UserReplicas, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

TEST_P(UserReplicas, AnEditedProfileIsReadAtTheOthers) {
    const auto ada = a().sign_up("ada@example.org", "Ada Byron");
    const CardPointer at_b = card(b().directory(), ada.user_id);
    const CardPointer at_c = card(client(), ada.user_id);
    EXPECT_EQ(at_b->name, "Ada Byron");
    EXPECT_EQ(b().run(b().users().find(b().caller(ada), ada.user_id))->name, "Ada Byron");
    UpdateProfile patch;
    patch.name.value = {"Ada Lovelace"};
    ASSERT_TRUE(change(a(), ada, std::move(patch)));
    EXPECT_FALSE(at_b->is_current());
    EXPECT_FALSE(at_c->is_current());
    EXPECT_EQ(card(b().directory(), ada.user_id)->name, "Ada Lovelace");
    EXPECT_EQ(card(client(), ada.user_id)->name, "Ada Lovelace");
    EXPECT_EQ(b().run(b().users().find(b().caller(ada), ada.user_id))->name, "Ada Lovelace");
}

TEST_P(UserReplicas, AnOldHandleLeadsToTheNewOneAtTheOther) {
    const auto ada = a().sign_up("ada@example.org", "Ada", "ada-one");
    ASSERT_TRUE(b().run(b().users().find_by_handle(b().caller(ada), {"ada-one"}))->value);
    UpdateProfile patch;
    patch.handle.value = {"ada-two"};
    ASSERT_TRUE(change(a(), ada, std::move(patch)));
    EXPECT_EQ(b().run(b().users().find_by_handle(b().caller(ada), {"ada-one"}))->location,
              "/v1/users/by-handle/ada-two");
    EXPECT_TRUE(b().run(b().users().find_by_handle(b().caller(ada), {"ada-two"}))->value);
    EXPECT_EQ(b().run(b().directory().ids_of_handles({"ada-one", "ada-two"})), (std::vector{UserId{}, ada.user_id}));
}

TEST_P(UserReplicas, AChangedHandleThatNobodyWasToldOfIsRightAfterItsEvent) {
    const auto ada = a().sign_up("ada@example.org", "Ada", "ada-one");
    const auto known = [&] { return b().run(b().directory().ids_of_handles({"ada-one", "ada-two"})); };
    EXPECT_EQ(known(), (std::vector{ada.user_id, UserId{}}));
    const auto alone = cache::make_memory_coherence();
    World silent(a(), *alone);
    UpdateProfile patch;
    patch.handle.value = {"ada-two"};
    ASSERT_TRUE(change(silent, ada, std::move(patch)));
    b().deliver(ProfileChanged{ada.user_id});
    EXPECT_EQ(known(), (std::vector{UserId{}, ada.user_id}));
    patch.handle.value = {"ada-one"};
    ASSERT_TRUE(change(silent, ada, std::move(patch)));
    b().deliver(ProfileChanged{ada.user_id});
    EXPECT_EQ(known(), (std::vector{ada.user_id, UserId{}}));
}

TEST_P(UserReplicas, ABlockAndItsEndHoldAtTheOthers) {
    const auto ada = a().sign_up("ada@example.org");
    const auto bea = a().sign_up("bea@example.org");
    for (Directory* directory : {&b().directory(), static_cast<Directory*>(&client())}) {
        EXPECT_TRUE(hidden(*directory, ada.user_id).empty());
        EXPECT_TRUE(hidden(*directory, bea.user_id).empty());
    }
    ASSERT_TRUE(a().run(a().users().block(a().caller(ada), bea.user_id)));
    for (Directory* directory : {&b().directory(), static_cast<Directory*>(&client())}) {
        EXPECT_EQ(hidden(*directory, ada.user_id), UserSet{bea.user_id});
        EXPECT_EQ(hidden(*directory, bea.user_id), UserSet{ada.user_id});
    }
    ASSERT_TRUE(b().run(b().users().unblock(b().caller(ada), bea.user_id)));
    for (Directory* directory : {&a().directory(), &b().directory(), static_cast<Directory*>(&client())}) {
        EXPECT_TRUE(hidden(*directory, ada.user_id).empty());
        EXPECT_TRUE(hidden(*directory, bea.user_id).empty());
    }
}

// Callers may keep the answer after they dropped the old one, so it must not come from a memory that has yet to drop
// it.
TEST_P(UserReplicas, AnotherProcessIsAnsweredFromSqlAlsoByWhoHasNotDroppedYet) {
    const auto ada = a().sign_up("ada@example.org", "Ada Byron");
    EXPECT_EQ(card(b().directory(), ada.user_id)->name, "Ada Byron");
    UpdateProfile patch;
    patch.name.value = {"Ada Lovelace"};
    World lone(a(), *a().alone);  // tells nobody
    ASSERT_TRUE(change(lone, ada, std::move(patch)));
    EXPECT_EQ(card(b().directory(), ada.user_id)->name, "Ada Byron");
    EXPECT_EQ(card(client(), ada.user_id)->name, "Ada Lovelace");
}

TEST_P(UserReplicas, ACopyIsAskedForEachTimeWhileItsProcessIsNotLive) {
    const auto ada = a().sign_up("ada@example.org", "Ada Byron");
    card(client(), ada.user_id);
    third().leave();
    const CardPointer found = card(client(), ada.user_id);
    EXPECT_EQ(found->name, "Ada Byron");
    EXPECT_FALSE(found->is_current());
}

}  // namespace
}  // namespace guildhall::user::test
