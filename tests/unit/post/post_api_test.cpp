#include "services/post/post_api.hpp"

#include <gtest/gtest.h>

#include "platform/json/read.hpp"
#include "platform/json/schema.hpp"
#include "platform/json/write.hpp"

namespace guildhall::post {
namespace {

PostView view_of(StoredPost stored, std::optional<ReactionKind> mine) {
    const auto author = std::make_shared<const user::Card>(UserId{7}, "ada", "Ada \"Countess\" L.", "line\nbreak");
    const std::int64_t version = stored.version;
    return {std::make_shared<const PostRecord>(std::move(stored)), author, mine, version};
}

StoredPost rich_post() {
    StoredPost post;
    post.key = {PostId{9'007'199'254'740'993}, UserId{7}};
    post.text = "Quotes \" and \\ and \n and é and 👩‍🔬 #tag @bela";
    post.visibility = Visibility::everyone;
    post.hashtags = {"tag"};
    post.mentions = {{UserId{8}, "bela", 40, 5}};
    post.created_at = from_micros(1'700'000'000'123'456);
    post.edited_at = from_micros(1'700'000'001'000'000);
    post.version = 3;
    post.reactions = {3, 1, 0, 2, 0, 0, 0};
    post.comment_count = 4;
    return post;
}

TEST(PostView, WritesTheJsonOfTheDescribedPost) {
    for (const auto mine : {std::optional<ReactionKind>(), std::optional(ReactionKind::insightful)}) {
        const PostView rich = view_of(rich_post(), mine);
        EXPECT_EQ(json::to_json(rich), json::to_json(rich.to_post()));
        const PostView plain = view_of(StoredPost{}, mine);
        EXPECT_EQ(json::to_json(plain), json::to_json(plain.to_post()));
    }
}

TEST(PostView, JsonReadsBackAsTheSamePost) {
    const PostView view = view_of(rich_post(), ReactionKind::love);
    const Post read = json::read_trusted<Post>(json::to_json(view));
    EXPECT_EQ(json::to_json(read), json::to_json(view));
    EXPECT_EQ(read.text, view.record->post.text);
    EXPECT_EQ(read.mentions, view.record->post.mentions);
}

TEST(PostView, HasTheSchemaOfThePost) {
    json::Schemas schemas;
    EXPECT_EQ(schemas.of<PostView>(), schemas.of<Post>());
    EXPECT_EQ(schemas.of<Page<PostView>>(), schemas.of<Page<Post>>());
}

TEST(Visibility, PublicIsAWordOfTheApi) {
    EXPECT_EQ(json::to_json(Visibility::everyone), "\"public\"");
    EXPECT_EQ(json::enumerator<Visibility>("public"), Visibility::everyone);
    EXPECT_EQ(json::enumerator<Visibility>("everyone"), std::nullopt);
}

}  // namespace
}  // namespace guildhall::post
