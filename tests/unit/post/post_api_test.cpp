#include "services/post/post_api.hpp"

#include <gtest/gtest.h>

#include "platform/base/text.hpp"
#include "platform/json/read.hpp"
#include "platform/json/schema.hpp"
#include "platform/json/write.hpp"

namespace guildhall::post {
namespace {

const user::Card kAuthor{UserId{7}, "ada", "Ada \"Countess\" L.", "line\nbreak"};

PostView view_of(const StoredPost& stored, std::optional<ReactionKind> mine) {
    const auto card = std::make_shared<const user::CardRecord>(kAuthor);
    return {std::make_shared<const PostRecord>(stored, card), mine, stored.version, nullptr};
}

Post described(const StoredPost& stored, std::optional<ReactionKind> mine, const Counts& counts) {
    return {stored.key.id,   kAuthor,          stored.text,          stored.visibility,
            stored.hashtags, stored.mentions,  stored.created_at,    stored.edited_at,
            stored.version,  counts.reactions, counts.comment_count, mine};
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
    post.counts = {{3, 1, 0, 2, 0, 0, 0}, 4};
    return post;
}

TEST(PostView, WritesTheJsonOfTheDescribedPost) {
    for (const auto mine : {std::optional<ReactionKind>(), std::optional(ReactionKind::insightful)}) {
        for (const StoredPost& stored : {rich_post(), StoredPost{}})
            EXPECT_EQ(json::to_json(view_of(stored, mine)), json::to_json(described(stored, mine, stored.counts)));
    }
}

TEST(PostView, WritesTheMentionsAndCountsThatTheReaderMaySee) {
    PostView view = view_of(rich_post(), ReactionKind::like);
    StoredPost seen = rich_post();
    seen.mentions.clear();
    seen.counts = {{1, 1, 0, 0, 0, 0, 0}, 2};
    view.seen = std::make_shared<const SeenPost>(seen.mentions, seen.counts);
    EXPECT_EQ(json::to_json(view), json::to_json(described(seen, ReactionKind::like, seen.counts)));
}

TEST(PostRecord, IsOfNoUseOnceTheAuthorsCardIsNot) {
    const auto card = std::make_shared<const user::CardRecord>(kAuthor);
    const PostRecord record(rich_post(), card);
    EXPECT_TRUE(record.is_current());
    card->retire();
    EXPECT_FALSE(record.is_current());
}

TEST(PostRecord, GivesTheCardOfThePost) {
    StoredPost stored = rich_post();
    stored.text += std::string(300, 'x');
    const PostCard card = PostRecord(stored, std::make_shared<const user::CardRecord>(kAuthor)).card();
    EXPECT_EQ(card.id, stored.key.id);
    EXPECT_EQ(card.author_id, stored.key.author_id);
    EXPECT_EQ(card.visibility, stored.visibility);
    EXPECT_EQ(card.created_at, stored.created_at);
    EXPECT_TRUE(stored.text.starts_with(card.excerpt));
    EXPECT_EQ(code_points(card.excerpt), 200U);
}

TEST(PostView, JsonReadsBackAsTheSamePost) {
    const PostView view = view_of(rich_post(), ReactionKind::love);
    const Post read = json::read_trusted<Post>(json::to_json(view));
    EXPECT_EQ(json::to_json(read), json::to_json(view));
    EXPECT_EQ(read.text, rich_post().text);
    EXPECT_EQ(read.mentions, rich_post().mentions);
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
