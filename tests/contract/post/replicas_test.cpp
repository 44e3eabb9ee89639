// Two processes of the post service on one database: what one has answered, the other shows.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/coherent_process.hpp"
#include "support/post_world.hpp"

namespace guildhall::post::test {
namespace {

using guildhall::test::CoherentProcess;
using testing::ElementsAre;
using testing::IsEmpty;

class PostReplicas : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        const std::string missing = guildhall::test::TestDatabase::missing(GetParam());
        if (!missing.empty()) GTEST_SKIP() << missing;
        a_.emplace(GetParam(), Options{}, &process_a_.coherence());
        b_.emplace(*a_, process_b_.coherence());
        ASSERT_TRUE(CoherentProcess::join("post", process_a_, process_b_));
        a().network.connect(kAda, kBela);
    }
    World& a() { return *a_; }
    World& b() { return *b_; }
    /// What `world` shows Bela of it.
    static Post shown(World& world, PostId id) { return post_of(world.find(kBela, id).value()); }

    const std::unique_ptr<realtime::Channel> channel_ = realtime::make_memory_channel();
    CoherentProcess process_a_{*channel_};
    CoherentProcess process_b_{*channel_};
    std::optional<World> a_;
    std::optional<World> b_;
};

INSTANTIATE_TEST_SUITE_P(, PostReplicas, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

TEST_P(PostReplicas, AnEditIsReadAtTheOther) {
    const PostId id = a().publish(kAda, "Good morning.");
    EXPECT_EQ(shown(b(), id).text, "Good morning.");
    a().edit(kAda, id, {{json::Text<1, kMaxPostLength>{"Good evening."}}, {}}).value();
    EXPECT_EQ(shown(b(), id).text, "Good evening.");
}

TEST_P(PostReplicas, AWarmPostIsReadWithoutSql) {
    const PostId id = a().publish(kAda);
    shown(b(), id);
    const int before = b().database.calls();
    shown(b(), id);
    EXPECT_EQ(b().database.calls(), before);
}

TEST_P(PostReplicas, APostIsInTheFeedAtTheOther) {
    const PostId first = a().publish(kAda);
    EXPECT_THAT(b().feed(kBela), ElementsAre(first));
    EXPECT_THAT(b().posts_of(kBela, kAda), ElementsAre(first));
    const PostId second = a().publish(kAda);
    EXPECT_THAT(b().feed(kBela), ElementsAre(second, first));
    EXPECT_THAT(b().posts_of(kBela, kAda), ElementsAre(second, first));
    const PostId third = b().publish(kAda);
    EXPECT_THAT(a().feed(kBela), ElementsAre(third, second, first));
}

TEST_P(PostReplicas, ADeletedPostIsGoneAtTheOther) {
    const PostId id = a().publish(kAda);
    const PostId other = a().publish(kAda);
    EXPECT_THAT(b().feed(kBela), ElementsAre(other, id));
    ASSERT_TRUE(a().remove(kAda, id));
    EXPECT_EQ(b().find(kBela, id).error().code, Code::gone);
    EXPECT_THAT(b().feed(kBela), ElementsAre(other));
}

TEST_P(PostReplicas, ANewAudienceHoldsAtTheOther) {
    const PostId id = a().publish(kAda);
    EXPECT_TRUE(b().find(kClara, id));
    EXPECT_THAT(b().posts_of(kClara, kAda), ElementsAre(id));
    a().show_to(kAda, id, Visibility::connections).value();
    EXPECT_EQ(b().find(kClara, id).error().code, Code::not_found);
    EXPECT_THAT(b().posts_of(kClara, kAda), IsEmpty());
}

TEST_P(PostReplicas, AReactionIsSeenAtTheOther) {
    const PostId id = a().publish(kAda);
    EXPECT_EQ(shown(b(), id).reactions.total, 0);
    ASSERT_TRUE(a().react(kBela, id, ReactionKind::love));
    EXPECT_EQ(shown(b(), id).reactions.love, 1);
    EXPECT_EQ(shown(b(), id).my_reaction, ReactionKind::love);
    ASSERT_TRUE(a().react(kBela, id, ReactionKind::funny));
    EXPECT_EQ(shown(b(), id).my_reaction, ReactionKind::funny);
    ASSERT_TRUE(a().unreact(kBela, id));
    EXPECT_EQ(shown(b(), id).reactions.total, 0);
    EXPECT_FALSE(shown(b(), id).my_reaction);
}

TEST_P(PostReplicas, CommentsAreCountedAtTheOther) {
    const PostId id = a().publish(kAda);
    EXPECT_EQ(shown(b(), id).comment_count, 0);
    const CommentId comment = a().comment(kBela, id);
    EXPECT_EQ(shown(b(), id).comment_count, 1);
    EXPECT_EQ(b().feed_page(kBela, 20).value().items.front().record->counts.comment_count, 1);
    ASSERT_TRUE(b().run(b().module->comment_service().remove(b().caller(kBela), comment)));
    EXPECT_EQ(shown(a(), id).comment_count, 0);
}

TEST_P(PostReplicas, ANewConnectionIsInTheFeedAtTheOther) {
    const PostId id = a().publish(kClara);
    EXPECT_THAT(b().feed(kBela), IsEmpty());
    a().network.connect(kBela, kClara);
    EXPECT_THAT(b().feed(kBela), ElementsAre(id));
}

// One test without pauses between a write and the reads: each process writes and reads in turn, as chance has it.
TEST_P(PostReplicas, FeedsAndCountsAreThoseOfOneProcess) {
    std::mt19937 random(7);
    std::vector<PostId> live;
    std::map<PostId, std::int64_t> comments;
    for (int step = 0; step < 300; ++step) {
        World& writer = random() % 2 == 0 ? a() : b();
        World& reader = random() % 2 == 0 ? a() : b();
        const auto what = random() % 4;
        if (what <= 1 || live.empty()) {
            live.insert(live.begin(), writer.publish(random() % 2 == 0 ? kAda : kBela));
        } else if (what == 2) {
            const PostId id = live[random() % live.size()];
            writer.comment(kBela, id);
            ++comments[id];
        } else {
            const auto place = live.begin() + static_cast<std::ptrdiff_t>(random() % live.size());
            const UserId author = shown(writer, *place).author.id;
            ASSERT_TRUE(writer.remove(author, *place));
            live.erase(place);
        }
        const auto page = reader.feed_page(kBela, 20).value();
        std::vector<PostId> seen;
        for (const PostView& view : page.items) {
            seen.push_back(view.record->key.id);
            EXPECT_EQ(view.record->counts.comment_count, comments[view.record->key.id]);
        }
        const std::vector<PostId> expected(live.begin(), live.begin() + static_cast<std::ptrdiff_t>(seen.size()));
        ASSERT_EQ(seen, expected);
        ASSERT_EQ(seen.size(), std::min<std::size_t>(live.size(), 20));
    }
}

}  // namespace
}  // namespace guildhall::post::test
