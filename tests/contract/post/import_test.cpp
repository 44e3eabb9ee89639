#include <algorithm>

#include <gtest/gtest.h>

#include "support/post_world.hpp"

namespace guildhall::post {
namespace {

using test::kAda;
using test::kBela;
using test::kClara;
using test::post_of;

using Ids = std::vector<PostId>;

class ImportContract : public test::PostContract {
protected:
    Importer& importer() { return world().module->importer(); }
    std::vector<ImportedPost> posts(int count, std::chrono::milliseconds apart) {
        std::vector<ImportedPost> posts;
        for (int i = 0; i < count; ++i)
            posts.push_back({kAda, "Post " + std::to_string(i) + " #tag @member-2", Visibility::everyone,
                             start_ + i * apart, "p" + std::to_string(i)});
        return posts;
    }
    const Time start_{std::chrono::days(20'000)};
};

TEST_P(ImportContract, ImportedPostsAreOrdinaryPostsOfTheirTime) {
    const auto ids = world().run(importer().import_posts(posts(5, std::chrono::milliseconds(10)))).value();
    ASSERT_TRUE(std::ranges::is_sorted(ids));
    const Post post = post_of(*world().find(kBela, ids[3]));
    EXPECT_EQ(post.text, "Post 3 #tag @member-2");
    EXPECT_EQ(post.created_at, start_ + std::chrono::milliseconds(30));
    EXPECT_EQ(time_of_id(post.id.value), post.created_at);
    EXPECT_EQ(post.mentions.at(0).user_id, kBela);
    EXPECT_EQ(world().posts_with(kBela, "tag").size(), 5U);
    EXPECT_EQ(world().event_types(), std::vector<std::string>(5, "post.created.v1"));
}

TEST_P(ImportContract, RepeatedAndOverlappingBatchesImportNothingTwice) {
    const auto all = posts(20, std::chrono::milliseconds(0));  // all in one millisecond
    const std::vector<ImportedPost> first(all.begin(), all.begin() + 12);
    const auto ids = world().run(importer().import_posts(first)).value();
    world().start();
    const auto again = world().run(importer().import_posts(all)).value();
    EXPECT_TRUE(std::ranges::equal(std::span(again).first(12), ids));
    EXPECT_TRUE(std::ranges::is_sorted(again));
    EXPECT_EQ(std::ranges::adjacent_find(again), again.end());
    EXPECT_EQ(world().posts_of(kAda, kAda).size(), 20U);
    EXPECT_EQ(world().event_types().size(), 20U);
}

TEST_P(ImportContract, FaultyTextIsNamedAndNothingIsImported) {
    auto batch = posts(3, std::chrono::milliseconds(1));
    batch[1].text = std::string(3001, 'x');
    batch[2].text = " \n ";
    const auto refused = world().run(importer().import_posts(batch));
    ASSERT_FALSE(refused);
    ASSERT_EQ(refused.error().errors.size(), 2U);
    EXPECT_EQ(refused.error().errors[0].pointer, "/1/text");
    EXPECT_TRUE(world().posts_of(kAda, kAda).empty());
}

TEST_P(ImportContract, CommentsAndReactionsAreCountedOnce) {
    const auto ids = world().run(importer().import_posts(posts(2, std::chrono::milliseconds(1)))).value();
    std::vector<ImportedComment> comments;
    std::vector<ImportedReaction> reactions;
    for (int i = 0; i < 6; ++i) {
        comments.push_back(
            {ids[i % 2], {}, UserId{10 + i}, "Comment", start_ + std::chrono::seconds(i), "c" + std::to_string(i)});
        reactions.push_back({ids[i % 2], UserId{10 + i}, ReactionKind::love, start_ + std::chrono::seconds(1)});
    }
    for (int round = 0; round < 2; ++round) {
        const auto made = world().run(importer().import_comments(comments)).value();
        EXPECT_TRUE(std::ranges::is_sorted(made));
        EXPECT_EQ(world().run(importer().import_reactions(reactions)).value(), round == 0 ? 6U : 0U);
        const std::vector<ImportedComment> reply{
            {ids[0], made[0], kBela, "Reply", start_ + std::chrono::minutes(1), "reply"}};
        EXPECT_EQ(world().run(importer().import_comments(reply))->size(), 1U);
        const auto top = world().run(world().module->comment_service().find(world().visitor(kBela), made[0]));
        EXPECT_EQ(top->reply_count, 1);
        EXPECT_EQ(top->created_at, start_);
        EXPECT_EQ(post_of(*world().find(kBela, ids[0])).comment_count, 4);
        EXPECT_EQ(post_of(*world().find(kBela, ids[0])).reactions.love, 3);
        EXPECT_EQ(world().find(UserId{10}, ids[0])->my_reaction, ReactionKind::love);
        world().start();
    }
    EXPECT_EQ(world().event_types().size(), 2U + 6U + 6U + 1U);
}

TEST_P(ImportContract, CommentOfAnAbsentPostRefusesTheBatch) {
    const std::vector<ImportedComment> comments{{PostId{77}, {}, kBela, "Comment", start_, "c"}};
    EXPECT_FALSE(world().run(importer().import_comments(comments)));
    const std::vector<ImportedReaction> reactions{{PostId{77}, kBela, ReactionKind::like, start_}};
    EXPECT_FALSE(world().run(importer().import_reactions(reactions)));
}

INSTANTIATE_TEST_SUITE_P(, ImportContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace guildhall::post
