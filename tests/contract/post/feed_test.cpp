#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "support/post_world.hpp"

namespace guildhall::post {
namespace {

using test::kAda;
using test::kBela;
using test::kClara;
using test::post_of;
using test::World;

using Ids = std::vector<PostId>;

class FeedContract : public test::PostContract {
protected:
    /// Imports `count` posts of `author`, one a minute.
    Ids import(UserId author, int count, std::string name) {
        std::vector<ImportedPost> posts;
        for (int i = 0; i < count; ++i)
            posts.push_back({author, "Imported", Visibility::members,
                             world().clock.now() - std::chrono::minutes(count - i), name + std::to_string(i)});
        return world().run(world().module->importer().import_posts(posts)).value();
    }
};

// [P28]
TEST_P(FeedContract, FeedIsOwnAndConnectionsPostsNewestFirst) {
    world().network.connect(kAda, kBela);
    Ids expected;
    for (int i = 0; i < 12; ++i) {
        const PostId id = world().publish(UserId{1 + i % 3}, "Post", static_cast<Visibility>(i % 3));
        if (i % 3 != 2) expected.insert(expected.begin(), id);
        EXPECT_EQ(world().feed(kAda), expected);
    }
    EXPECT_EQ(world().feed(kAda, 3), expected);
}

// [P28]
TEST_P(FeedContract, OwnChangesAreInTheNextAnswer) {
    world().network.connect(kAda, kBela);
    const PostId theirs = world().publish(kBela);
    for (int i = 0; i < 3; ++i) {
        const PostId mine = world().publish(kAda);
        EXPECT_EQ(world().feed(kAda), (Ids{mine, theirs}));
        ASSERT_TRUE(world().react(kAda, mine, ReactionKind::love));
        EXPECT_EQ(world().feed_page(kAda, 1)->items[0].my_reaction, ReactionKind::love);
        EXPECT_EQ(post_of(world().feed_page(kBela, 1)->items[0]).reactions.love, 1);
        EXPECT_EQ(world().feed_page(kBela, 1)->items[0].my_reaction, std::nullopt);
        ASSERT_TRUE(world().remove(kAda, mine));
        EXPECT_EQ(world().feed(kAda), Ids{theirs});
    }
}

// [P28]
TEST_P(FeedContract, DeepPagesReadOnBehindWhatIsKept) {
    world().network.connect(kAda, kBela);
    world().network.connect(kAda, kClara);
    Ids expected = import(kBela, 350, "bela");
    const Ids others = import(kClara, 120, "clara");
    expected.insert(expected.end(), others.begin(), others.end());
    std::ranges::sort(expected, std::ranges::greater());
    for (const int limit : {7, 100}) EXPECT_EQ(world().feed(kAda, limit), expected);
    world().start();
    EXPECT_EQ(world().feed(kAda, 33), expected);
}

// [P28]
TEST_P(FeedContract, PagesMeetWhilePostsComeAndGo) {
    world().network.connect(kAda, kBela);
    const Ids before = import(kBela, 150, "bela");
    Ids seen;
    std::optional<std::string> cursor;
    std::set<PostId> deleted;
    for (std::size_t round = 0;; ++round) {
        const auto page = world().feed_page(kAda, 6, cursor).value();
        for (const PostView& view : page.items) seen.push_back(view.record->key.id);
        if (!page.next_cursor) break;
        cursor = page.next_cursor;
        world().publish(kBela, "New");
        if (round % 3 == 0) {
            const PostId gone = before[round * 2];
            ASSERT_TRUE(world().remove(kBela, gone));
            deleted.insert(gone);
        }
    }
    EXPECT_TRUE(std::ranges::is_sorted(seen, std::ranges::greater()));
    EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
    for (const PostId id : before)
        if (!deleted.contains(id)) EXPECT_TRUE(std::ranges::find(seen, id) != seen.end());
}

TEST_P(FeedContract, PostPublishedWhileTheFeedIsBuiltIsInTheNextAnswer) {
    world().network.connect(kAda, kBela);
    const PostId first = world().publish(kBela);
    PostId second;
    world().start();
    world().database.after_read = [&](std::string name) -> Task<void> {
        EXPECT_EQ(name, "post.list_timeline");
        auto created = co_await world().module->post_service().create(world().caller(kBela), {{"Meanwhile"}, {}});
        second = created->value.record->key.id;
    };
    (void)world().feed(kAda);
    EXPECT_EQ(world().feed(kAda), (Ids{second, first}));
}

TEST_P(FeedContract, ConnectionMadeWhileTheFeedIsBuiltIsInTheNextAnswer) {
    const PostId mine = world().publish(kAda);
    const PostId theirs = world().publish(kBela);
    world().start();
    world().database.after_read = [&](std::string) -> Task<void> {
        world().network.connect(kAda, kBela);
        co_return;
    };
    (void)world().feed(kAda);
    EXPECT_EQ(world().feed(kAda), (Ids{theirs, mine}));
}

TEST_P(FeedContract, PostOfOneConnectionReadsOnlyTheirTimelineAnew) {
    for (int i = 0; i < 40; ++i) {
        world().network.connect(kAda, UserId{100 + i});
        import(UserId{100 + i}, 5, "member" + std::to_string(i));
    }
    ASSERT_TRUE(world().feed_page(kAda, 20));
    Ids expected = world().feed(kAda, 100);
    for (int i = 0; i < 10; ++i) {
        const UserId author{100 + i * 4 % 40};
        const PostId id = world().publish(author);
        expected.insert(expected.begin(), id);
        const int calls = world().database.calls();
        ASSERT_EQ(world().feed_page(kAda, 20)->items.front().record->key.id, id);
        EXPECT_LE(world().database.calls() - calls, 2) << "the author's timeline and the new post";
    }
    EXPECT_EQ(world().feed(kAda, 100), expected);
}

TEST_P(FeedContract, ManyDeletionsLeaveTheRightFeed) {
    world().network.connect(kAda, kBela);
    world().network.connect(kAda, kClara);
    Ids expected = import(kBela, 150, "bela");
    const Ids others = import(kClara, 10, "clara");
    expected.insert(expected.end(), others.begin(), others.end());
    std::ranges::sort(expected, std::ranges::greater());
    EXPECT_EQ(world().feed(kAda, 100), expected);
    for (int i = 0; i < 70; ++i) {
        const PostId gone = expected.front();
        ASSERT_TRUE(world().remove(std::ranges::find(others, gone) == others.end() ? kBela : kClara, gone));
        expected.erase(expected.begin());
        ASSERT_EQ(world().feed_page(kAda, 1)->items.front().record->key.id, expected.front());
    }
    EXPECT_EQ(world().feed(kAda, 100), expected);
}

TEST_P(FeedContract, FeedIsRightAfterMoreChangesThanTheLogRemembers) {
    world().network.connect(kAda, kBela);
    const PostId first = world().publish(kBela);
    EXPECT_EQ(world().feed(kAda), Ids{first});
    std::vector<ImportedPost> noise;
    for (int i = 0; i < 9000; ++i)
        noise.push_back(
            {UserId{100 + i}, "Noise", Visibility::members, world().clock.now(), "noise" + std::to_string(i)});
    const PostId second = world().publish(kBela);
    ASSERT_TRUE(world().run(world().module->importer().import_posts(noise)));
    EXPECT_EQ(world().feed(kAda), (Ids{second, first}));
}

// [P44]
TEST_P(FeedContract, WarmFeedNeverShowsWhatIsNotForTheReader) {
    world().network.connect(kAda, kBela);
    const PostId mine = world().publish(kAda);
    const PostId first = world().publish(kBela);
    const PostId second = world().publish(kBela, "Closed", Visibility::connections);
    EXPECT_EQ(world().feed(kAda), (Ids{second, first, mine}));
    ASSERT_TRUE(world().remove(kBela, first));
    EXPECT_EQ(world().feed(kAda), (Ids{second, mine}));
    world().directory.block(kBela, kAda);
    EXPECT_EQ(world().feed(kAda), Ids{mine});
    world().directory.unblock(kBela, kAda);
    EXPECT_EQ(world().feed(kAda), (Ids{second, mine}));
    world().network.disconnect(kAda, kBela);
    EXPECT_EQ(world().feed(kAda), Ids{mine});
}

TEST_P(FeedContract, PageIsFilledThoughMuchOfItIsHidden) {
    world().network.connect(kAda, kBela);
    world().network.connect(kAda, kClara);
    const Ids shown = import(kClara, 10, "clara");
    world().clock.advance(std::chrono::hours(10));
    import(kBela, 250, "bela");
    world().directory.block(kBela, kAda);
    const auto page = world().feed_page(kAda, 10).value();
    EXPECT_EQ(page.items.size(), 10U);
    EXPECT_EQ(page.next_cursor, std::nullopt);
}

/// The network and its posts as they should be.
struct Model {
    struct Entry {
        UserId author;
        Visibility visibility;
        std::map<UserId, ReactionKind> reactions;
    };
    std::map<PostId, Entry> posts;

    std::vector<PostId> feed(World& world, UserId reader) const {
        std::vector<PostId> ids;
        for (auto post = posts.rbegin(); post != posts.rend(); ++post) {
            const UserId author = post->second.author;
            const bool follows = author == reader || (world.network.is_connected(reader, author) &&
                                                      !world.directory.is_hidden(reader, author));
            if (follows) ids.push_back(post->first);
        }
        return ids;
    }
};

// [P28] [P44] [P15]
TEST_P(FeedContract, AnyHistoryGivesTheFeedOfTheModel) {
    const int steps = GetParam() == "sqlite" ? 700 : 300;
    for (unsigned seed = 0; seed < 3; ++seed) {
        world_.emplace(GetParam());
        std::mt19937 random(seed);
        Model model;
        constexpr int kMembers = 7;
        const auto chance = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
        const auto member = [&] { return UserId{1 + chance(kMembers)}; };
        // One author has more posts than any cache keeps.
        for (const PostId id : import(UserId{1}, 230, "deep")) model.posts[id] = {UserId{1}, Visibility::members, {}};

        const auto compare = [&](UserId reader) {
            const int limit = 1 + chance(100);
            const auto items = world().all_of(
                [&](std::optional<std::string> cursor) { return world().feed_page(reader, limit, std::move(cursor)); });
            std::vector<PostId> ids;
            for (const PostView& view : items) {
                const PostId id = view.record->key.id;
                ids.push_back(id);
                ASSERT_TRUE(model.posts.contains(id));
                const Model::Entry& entry = model.posts[id];
                const auto mine = entry.reactions.find(reader);
                ASSERT_EQ(view.my_reaction, mine == entry.reactions.end() ? std::nullopt : std::optional(mine->second));
                ASSERT_EQ(view.record->counts.reactions.total, static_cast<std::int64_t>(entry.reactions.size()));
                ASSERT_EQ(view.record->visibility, entry.visibility);
            }
            ASSERT_EQ(ids, model.feed(world(), reader));
        };
        for (int step = 0; step < steps; ++step) {
            SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
            const UserId a = member();
            const UserId b = member();
            auto some = model.posts.begin();
            std::advance(some, chance(static_cast<int>(model.posts.size())));
            const PostId id = some->first;
            Model::Entry& entry = some->second;
            switch (chance(12)) {
            case 0:
            case 1: {
                const auto visibility = static_cast<Visibility>(chance(3));
                const PostId made = world().publish(a, "Step", visibility);
                model.posts[made] = {a, visibility, {}};
                break;
            }
            case 2:
                ASSERT_TRUE(world().remove(entry.author, id));
                model.posts.erase(id);
                break;
            case 3: {
                const auto visibility = static_cast<Visibility>(chance(3));
                ASSERT_TRUE(world().show_to(entry.author, id, visibility));
                entry.visibility = visibility;
                break;
            }
            case 4:
            case 5:
                if (a != b) world().network.connect(a, b);
                break;
            case 6:
                if (a != b) world().network.disconnect(a, b);
                break;
            case 7:
                if (a != b) chance(3) ? world().directory.unblock(a, b) : world().directory.block(a, b);
                break;
            case 8: {
                const auto kind = static_cast<ReactionKind>(chance(6));
                if (world().react(a, id, kind)) entry.reactions[a] = kind;
                break;
            }
            case 9:
                if (world().unreact(a, id)) entry.reactions.erase(a);
                break;
            case 10:
                if (chance(15) == 0) world().start();
                break;
            default: break;
            }
            compare(member());
            if (HasFatalFailure()) return;
        }
        for (int i = 1; i <= kMembers; ++i) compare(UserId{i});
    }
}

INSTANTIATE_TEST_SUITE_P(, FeedContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace guildhall::post
