// Posts, as a direct call and over HTTP: who asks cannot tell them apart.

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "services/post/public/posts_client.hpp"
#include "support/both_ways.hpp"
#include "support/post_world.hpp"

namespace guildhall::post::test {
namespace {

class PostsContract : public guildhall::test::BothWays<World> {
protected:
    PostsContract() : BothWays("post") {}
    void ask_over_http() override { client.emplace(remote->client()); }

    Posts& posts() { return client ? *client : world->module->posts(); }
    std::vector<PostCardPointer> cards(UserId viewer, std::vector<PostId> ids) {
        return world->run(posts().cards(viewer, std::move(ids)));
    }
    bool sees(UserId viewer, PostId id) { return cards(viewer, {id}).front() != nullptr; }

    std::optional<PostsClient> client;
};

INSTANTIATE_TEST_SUITE_P(, PostsContract, guildhall::test::both_ways(),
                         [](const auto& info) { return guildhall::test::name_of_pair(info); });

TEST_P(PostsContract, ACardSaysWhatAPostIs) {
    const PostId id = world->publish(kAda, "Good \"morning\" 🌅", Visibility::everyone);
    const auto card = cards(kBela, {id}).front();
    ASSERT_TRUE(card);
    EXPECT_EQ(card->id, id);
    EXPECT_EQ(card->author_id, kAda);
    EXPECT_EQ(card->visibility, Visibility::everyone);
    EXPECT_EQ(card->excerpt, "Good \"morning\" 🌅");
    EXPECT_EQ(card->created_at, world->clock.now());
}

TEST_P(PostsContract, AnExcerptIsShort) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += "é";
    const PostId id = world->publish(kAda, text);
    EXPECT_EQ(cards(kBela, {id}).front()->excerpt, text.substr(0, 400));
}

TEST_P(PostsContract, CardsComeInTheOrderOfTheirIds) {
    const PostId first = world->publish(kAda, "first");
    const PostId second = world->publish(kAda, "second");
    const auto found = cards(kBela, {second, PostId{999}, first, PostId{}, second});
    ASSERT_EQ(found.size(), 5);
    EXPECT_EQ(found[0]->excerpt, "second");
    EXPECT_FALSE(found[1]);
    EXPECT_EQ(found[2]->excerpt, "first");
    EXPECT_FALSE(found[3]);
    EXPECT_EQ(found[4]->excerpt, "second");
    EXPECT_TRUE(cards(kBela, {}).empty());
}

TEST_P(PostsContract, OnlyTheAudienceSeesACard) {
    world->network.connect(kAda, kBela);
    const PostId everyone = world->publish(kAda, "for all", Visibility::everyone);
    const PostId members = world->publish(kAda, "for members", Visibility::members);
    const PostId connections = world->publish(kAda, "for connections", Visibility::connections);
    EXPECT_TRUE(sees(kNobody, everyone));
    EXPECT_FALSE(sees(kNobody, members));
    EXPECT_TRUE(sees(kClara, members));
    EXPECT_FALSE(sees(kClara, connections));
    EXPECT_TRUE(sees(kBela, connections));
    EXPECT_TRUE(sees(kAda, connections));
}

TEST_P(PostsContract, WhatTheViewerMaySeeIsDecidedAtEachCall) {
    const PostId id = world->publish(kAda);
    EXPECT_TRUE(sees(kBela, id));
    world->directory.block(kAda, kBela);
    EXPECT_FALSE(sees(kBela, id));
    world->directory.unblock(kAda, kBela);
    EXPECT_TRUE(sees(kBela, id));
    ASSERT_TRUE(world->show_to(kAda, id, Visibility::connections));
    EXPECT_FALSE(sees(kBela, id));
}

TEST_P(PostsContract, ADeletedPostHasNoCard) {
    const PostId id = world->publish(kAda);
    ASSERT_TRUE(world->remove(kAda, id));
    EXPECT_FALSE(sees(kBela, id));
    EXPECT_FALSE(sees(kAda, id));
}

}  // namespace
}  // namespace guildhall::post::test
