// Two processes of the user service on one database, and a third of another service that keeps copies: what one has answered, all show.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "services/user/public/directory_client.hpp"
#include "support/coherent_process.hpp"
#include "support/remote_service.hpp"
#include "support/user_world.hpp"

namespace guildhall::user::test {
namespace {

using guildhall::test::CoherentProcess;

class UserReplicas : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        const std::string missing = guildhall::test::TestDatabase::missing(GetParam());
        if (!missing.empty()) GTEST_SKIP() << missing;
        a_.emplace(GetParam(), World::Change{}, &process_a_.coherence());
        b_.emplace(*a_, process_b_.coherence());
        // The third asks the one that does not write.
        remote_.emplace("user", [this](http::Router& router, const http::InternalTokens& tokens) {
            b_->module->add_internal_routes(router, tokens);
        });
        client_.emplace(remote_->client(), process_c_.coherence());
        ASSERT_TRUE(CoherentProcess::join("user", process_a_, process_b_, process_c_));
    }
    World& a() { return *a_; }
    World& b() { return *b_; }
    CardPointer card(Directory& directory, UserId user) {
        std::vector<UserId> ids{user};
        return b().run(directory.cards(std::move(ids))).front();
    }
    UserSet hidden(Directory& directory, UserId user) { return *b().run(directory.hidden_from(user)); }
    Result<Me> change(World& world, const Tokens& member, UpdateProfile patch) {
        return world.run(world.users().update_me(world.caller(member), std::move(patch)));
    }

    const std::unique_ptr<realtime::Channel> channel_ = realtime::make_memory_channel();
    CoherentProcess process_a_{*channel_};
    CoherentProcess process_b_{*channel_};
    CoherentProcess process_c_{*channel_};
    std::optional<World> a_;
    std::optional<World> b_;
    std::optional<guildhall::test::RemoteService> remote_;
    std::optional<DirectoryClient> client_;
};

INSTANTIATE_TEST_SUITE_P(, UserReplicas, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

TEST_P(UserReplicas, AnEditedProfileIsReadAtTheOthers) {
    const auto ada = a().sign_up("ada@example.org", "Ada Byron");
    const CardPointer at_b = card(b().directory(), ada.user_id);
    const CardPointer at_c = card(*client_, ada.user_id);
    EXPECT_EQ(at_b->name, "Ada Byron");
    EXPECT_EQ(b().run(b().users().find(b().caller(ada), ada.user_id))->name, "Ada Byron");
    UpdateProfile patch;
    patch.name.value = {"Ada Lovelace"};
    ASSERT_TRUE(change(a(), ada, std::move(patch)));
    EXPECT_FALSE(at_b->is_current());
    EXPECT_FALSE(at_c->is_current());
    EXPECT_EQ(card(b().directory(), ada.user_id)->name, "Ada Lovelace");
    EXPECT_EQ(card(*client_, ada.user_id)->name, "Ada Lovelace");
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

TEST_P(UserReplicas, ABlockAndItsEndHoldAtTheOthers) {
    const auto ada = a().sign_up("ada@example.org");
    const auto bea = a().sign_up("bea@example.org");
    for (Directory* directory : {&b().directory(), static_cast<Directory*>(&*client_)}) {
        EXPECT_TRUE(hidden(*directory, ada.user_id).empty());
        EXPECT_TRUE(hidden(*directory, bea.user_id).empty());
    }
    ASSERT_TRUE(a().run(a().users().block(a().caller(ada), bea.user_id)));
    for (Directory* directory : {&b().directory(), static_cast<Directory*>(&*client_)}) {
        EXPECT_EQ(hidden(*directory, ada.user_id), UserSet{bea.user_id});
        EXPECT_EQ(hidden(*directory, bea.user_id), UserSet{ada.user_id});
    }
    ASSERT_TRUE(b().run(b().users().unblock(b().caller(ada), bea.user_id)));
    for (Directory* directory : {&a().directory(), &b().directory(), static_cast<Directory*>(&*client_)}) {
        EXPECT_TRUE(hidden(*directory, ada.user_id).empty());
        EXPECT_TRUE(hidden(*directory, bea.user_id).empty());
    }
}

// Who asks may keep the answer after it was told to drop the old one: so it must not come from a memory that has yet to be told.
TEST_P(UserReplicas, AnotherProcessIsAnsweredFromSqlAlsoByWhoHasNotDroppedYet) {
    const auto ada = a().sign_up("ada@example.org", "Ada Byron");
    EXPECT_EQ(card(b().directory(), ada.user_id)->name, "Ada Byron");
    UpdateProfile patch;
    patch.name.value = {"Ada Lovelace"};
    World lone(a(), *a().alone);  // tells nobody
    ASSERT_TRUE(change(lone, ada, std::move(patch)));
    EXPECT_EQ(card(b().directory(), ada.user_id)->name, "Ada Byron");
    EXPECT_EQ(card(*client_, ada.user_id)->name, "Ada Lovelace");
}

TEST_P(UserReplicas, ACopyIsAskedForEachTimeWhileItsProcessIsNotLive) {
    const auto ada = a().sign_up("ada@example.org", "Ada Byron");
    card(*client_, ada.user_id);
    process_c_.leave();
    const CardPointer found = card(*client_, ada.user_id);
    EXPECT_EQ(found->name, "Ada Byron");
    EXPECT_FALSE(found->is_current());
}

}  // namespace
}  // namespace guildhall::user::test
