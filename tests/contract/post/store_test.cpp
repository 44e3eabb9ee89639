#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "services/post/count_store.hpp"
#include "services/post/post_store.hpp"
#include "services/post/reaction_store.hpp"
#include "support/post_world.hpp"

namespace guildhall::post {
namespace {

using test::kAda;
using test::kBela;
using test::kClara;

constexpr PostId kNewest{std::numeric_limits<std::int64_t>::max()};

class PostStoreContract : public test::PostContract {
protected:
    void SetUp() override {
        PostContract::SetUp();
        if (world_) stores_.emplace(world().database);
    }
    PostStore& store() { return stores_->posts; }
    CountStore& counts() { return stores_->counts; }
    ReactionStore& reactions() { return stores_->reactions; }

    /// Commits what `work` does, unless it gives an Error.
    template <class T, class Work>
    Result<T> transact(Work work) {
        return world().run(world().database.template transact<T>(work));
    }
    StoredPost stored(std::int64_t id, UserId author = kAda) {
        StoredPost post;
        post.key = {PostId{id}, author};
        post.text = "Text of " + std::to_string(id);
        post.visibility = Visibility::members;
        post.created_at = from_micros(1'000'000 + id);
        return post;
    }
    void insert(const StoredPost& post) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
            co_await store().insert(tx, post);
            co_return Result<void>{};
        };
        ASSERT_TRUE(transact<void>(body));
    }
    std::optional<StoredPost> find(PostKey key) {
        std::vector<PostKey> keys{key};
        auto found = world().run(store().list(keys));
        if (found.empty()) return std::nullopt;
        return found.front();
    }
    std::vector<std::int64_t> timeline(UserId author, PostId below, Visibility audience, std::size_t limit) {
        std::vector<TimelineRequest> requests{{author, below, audience}};
        const auto timelines = world().run(store().list_timelines(requests, limit));
        std::vector<std::int64_t> ids;
        for (const TimelineEntry& entry : timelines.front()) ids.push_back(entry.id.value);
        return ids;
    }

    struct Stores {
        explicit Stores(sql::Database& database) : posts(database), counts(database), reactions(database) {}
        PostStore posts;
        CountStore counts;
        ReactionStore reactions;
    };
    std::optional<Stores> stores_;
};

using Numbers = std::vector<std::int64_t>;

TEST_P(PostStoreContract, PostReadsBackAsItWasStored) {
    StoredPost post = stored(10);
    post.text = "👩‍🔬 \"quoted\" 'single' \\ \n é ; -- $1 " + std::string(2900, 'x');
    post.hashtags = {"one", "数学"};
    post.mentions = {{kBela, "bela", 3, 5}};
    insert(post);
    for (const UserId author : {kAda, UserId{}}) {
        const auto found = find({PostId{10}, author});
        ASSERT_TRUE(found);
        EXPECT_EQ(found->key, post.key);
        EXPECT_EQ(found->text, post.text);
        EXPECT_EQ(found->visibility, post.visibility);
        EXPECT_EQ(found->hashtags, post.hashtags);
        EXPECT_EQ(found->mentions, post.mentions);
        EXPECT_EQ(found->created_at, post.created_at);
        EXPECT_EQ(found->edited_at, std::nullopt);
        EXPECT_EQ(found->version, 1);
        EXPECT_FALSE(found->is_deleted);
        EXPECT_EQ(found->counts.reactions, Reactions{});
    }
}

TEST_P(PostStoreContract, AbsentPostIsNotFound) {
    EXPECT_EQ(find({PostId{1}, kAda}), std::nullopt);
    EXPECT_EQ(find({PostId{1}, {}}), std::nullopt);
    EXPECT_TRUE(world().run(store().list({})).empty());
}

TEST_P(PostStoreContract, ManyPostsAreReadAtOnce) {
    std::vector<PostKey> keys;
    for (std::int64_t id = 1; id <= 300; ++id) {
        if (id % 10 == 1) insert(stored(id, UserId{1 + id % 3}));
        keys.push_back({PostId{id}, id % 2 ? UserId{1 + id % 3} : UserId{}});
    }
    EXPECT_EQ(world().run(store().list(keys)).size(), 30U);
    std::erase_if(keys, [](const PostKey& key) { return !key.author_id; });
    EXPECT_EQ(world().run(store().list(keys)).size(), 30U);
}

TEST_P(PostStoreContract, FailedTransactionLeavesNoRow) {
    StoredPost post = stored(10);
    post.hashtags = {"gone"};
    auto body = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await store().insert(tx, post);
        co_return Error{Code::conflict, "rolled back"};
    };
    EXPECT_FALSE(transact<void>(body));
    EXPECT_EQ(find(post.key), std::nullopt);
    EXPECT_TRUE(world().run(store().list_by_hashtag("gone", kNewest, false, 10)).empty());
}

TEST_P(PostStoreContract, TimelineIsNewestFirstFilteredAndKeyset) {
    for (std::int64_t id = 1; id <= 9; ++id) {
        StoredPost post = stored(id);
        post.visibility = static_cast<Visibility>(id % 3);
        insert(post);
    }
    insert(stored(20, kBela));
    EXPECT_EQ(timeline(kAda, kNewest, Visibility::connections, 100), (Numbers{9, 8, 7, 6, 5, 4, 3, 2, 1}));
    EXPECT_EQ(timeline(kAda, kNewest, Visibility::everyone, 100), (Numbers{9, 6, 3}));
    EXPECT_EQ(timeline(kAda, PostId{7}, Visibility::members, 3), (Numbers{6, 4, 3}));
    EXPECT_EQ(timeline(kClara, kNewest, Visibility::connections, 3), Numbers{});
}

TEST_P(PostStoreContract, HashtagPageIsOfEveryVisibilityOrPublicOnly) {
    for (std::int64_t id = 1; id <= 6; ++id) {
        StoredPost post = stored(id, id <= 3 ? kAda : kBela);
        post.visibility = static_cast<Visibility>((id - 1) % 3);
        post.hashtags = {"tag"};
        insert(post);
    }
    const auto page = [&](bool only_public, PostId below, std::size_t limit) {
        Numbers ids;
        for (const PostKey& key : world().run(store().list_by_hashtag("tag", below, only_public, limit)))
            ids.push_back(key.id.value);
        return ids;
    };
    EXPECT_EQ(page(true, kNewest, 10), (Numbers{4, 1}));
    EXPECT_EQ(page(true, PostId{4}, 10), (Numbers{1}));
    EXPECT_EQ(page(false, kNewest, 10), (Numbers{6, 5, 4, 3, 2, 1}));
    EXPECT_EQ(page(false, PostId{6}, 2), (Numbers{5, 4}));
}

TEST_P(PostStoreContract, UpsertOfAReactionReturnsWhatItReplaced) {
    insert(stored(10));
    std::vector<std::optional<ReactionKind>> previous;
    std::vector<std::int64_t> ids;
    for (const auto& [id, kind] :
         {std::pair(100, ReactionKind::like), {101, ReactionKind::like}, {102, ReactionKind::funny}}) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<ReactionChange>> {
            co_return co_await reactions().upsert(tx, {PostId{10}, kBela, id, kind});
        };
        const auto change = transact<ReactionChange>(body).value();
        previous.push_back(change.previous);
        ids.push_back(change.id);
    }
    EXPECT_EQ(previous,
              (std::vector<std::optional<ReactionKind>>{std::nullopt, ReactionKind::like, ReactionKind::like}));
    EXPECT_EQ(ids, (Numbers{100, 100, 100}));
    EXPECT_EQ(world().run(reactions().list_newest_of(kBela, 10)),
              (std::vector<OwnReaction>{{PostId{10}, ReactionKind::funny}}));
}

TEST_P(PostStoreContract, CountsOfADeletedPostCannotChange) {
    insert(stored(10));
    auto erase = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const auto post = co_await store().lock(tx, {PostId{10}, kAda});
        co_await store().erase(tx, *post, from_micros(5));
        co_return Result<void>{};
    };
    ASSERT_TRUE(transact<void>(erase));
    auto add = [&](sql::Transaction& tx) -> Task<Result<bool>> {
        const auto author = co_await counts().add(tx, PostId{10}, {1}, 1);
        const auto locked = co_await store().lock(tx, {PostId{10}, kAda});
        co_return author.has_value() || locked.has_value();
    };
    EXPECT_FALSE(transact<bool>(add).value());
    const auto tombstone = find({PostId{10}, kAda});
    ASSERT_TRUE(tombstone);
    EXPECT_TRUE(tombstone->is_deleted);
    EXPECT_EQ(tombstone->text, "");
    EXPECT_EQ(timeline(kAda, kNewest, Visibility::connections, 10), Numbers{});
}

TEST_P(PostStoreContract, StoredPostsAreThereAfterReopening) {
    insert(stored(10));
    const auto other = world().ground->place.open();
    PostStore reopened(*other);
    std::vector<PostKey> keys{{PostId{10}, {}}};
    EXPECT_EQ(world().run(reopened.list(keys)).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(, PostStoreContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace guildhall::post
