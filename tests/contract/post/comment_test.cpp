#include <algorithm>

#include <gtest/gtest.h>

#include "platform/http/idempotency.hpp"
#include "support/post_world.hpp"

namespace guildhall::post {
namespace {

using test::kAda;
using test::kBela;
using test::kClara;
using test::kDora;
using test::kNobody;
using test::post_of;
using test::World;

using Ids = std::vector<CommentId>;

class CommentContract : public test::PostContract {
protected:
    CommentService& service() { return world().module->comment_service(); }

    std::vector<Comment> comments(UserId reader, PostId post, std::optional<CommentSort> sort, int limit = 20) {
        return world().all_of([&](std::optional<std::string> cursor) {
            return world().run(service().list(world().visitor(reader), post,
                                              {{{limit}, World::cursor_text(std::move(cursor))}, sort}));
        });
    }
    std::vector<Comment> replies(UserId reader, CommentId comment, int limit = 20) {
        return world().all_of([&](std::optional<std::string> cursor) {
            return world().run(service().list_replies(world().visitor(reader), comment,
                                                      {{{limit}, World::cursor_text(std::move(cursor))}, {}}));
        });
    }
    std::vector<Comment> comments_of(UserId reader, UserId user) {
        return world().all_of([&](std::optional<std::string> cursor) {
            return world().run(
                service().list_by_user(world().caller(reader), user, {{2}, World::cursor_text(std::move(cursor))}));
        });
    }
    Result<Comment> find(UserId reader, CommentId id) {
        return world().run(service().find(world().visitor(reader), id));
    }
    Result<void> remove(UserId user, CommentId id) { return world().run(service().remove(world().caller(user), id)); }
    std::int64_t comment_count(PostId post) { return post_of(*world().find(kAda, post)).comment_count; }
    static Ids ids_of(const std::vector<Comment>& comments) {
        Ids ids;
        for (const Comment& comment : comments) ids.push_back(comment.id);
        return ids;
    }
    template <class T>
    static std::optional<Code> code_of(const Result<T>& result) {
        if (result) return std::nullopt;
        return result.error().code;
    }
};

// [P17]
TEST_P(CommentContract, CommentsAreListedBothWaysInPages) {
    const PostId post = world().publish(kAda, "Discuss", Visibility::everyone);
    Ids expected;
    for (int i = 0; i < 5; ++i) expected.push_back(world().comment(kBela, post, "Number " + std::to_string(i)));
    EXPECT_EQ(ids_of(comments(kNobody, post, CommentSort::oldest, 2)), expected);
    std::ranges::reverse(expected);
    EXPECT_EQ(ids_of(comments(kNobody, post, CommentSort::recent, 2)), expected);
    EXPECT_EQ(ids_of(comments(kNobody, post, {}, 5)), expected);
    EXPECT_EQ(comment_count(post), 5);
}

// [P17]
TEST_P(CommentContract, PagesMeetWhileCommentsAreAdded) {
    const PostId post = world().publish(kAda, "Discuss", Visibility::everyone);
    Ids before;
    for (int i = 0; i < 9; ++i) before.push_back(world().comment(kBela, post));
    Ids seen;
    const auto pages = world().all_of([&](std::optional<std::string> cursor) {
        world().comment(kClara, post, "In between");
        return world().run(service().list(world().visitor(kBela), post,
                                          {{{2}, World::cursor_text(std::move(cursor))}, CommentSort::recent}));
    });
    for (const Comment& comment : pages)
        if (comment.author->id == kBela) seen.insert(seen.begin(), comment.id);
    EXPECT_EQ(seen, before);
}

// [P18]
TEST_P(CommentContract, RepliesMakeATree) {
    const PostId post = world().publish(kAda);
    const CommentId top = world().comment(kBela, post, "Top");
    const CommentId first = world().comment(kAda, post, "First", top);
    const CommentId second = world().comment(kClara, post, "Second", top);
    const CommentId deeper = world().comment(kBela, post, "Deeper", first);
    EXPECT_EQ(ids_of(comments(kBela, post, {})), Ids{top});
    EXPECT_EQ(ids_of(replies(kBela, top, 1)), (Ids{first, second}));
    EXPECT_EQ(ids_of(replies(kBela, first)), Ids{deeper});
    EXPECT_EQ(find(kBela, top)->reply_count, 2);
    EXPECT_EQ(find(kBela, deeper)->parent_id, first);
    EXPECT_EQ(find(kBela, top)->parent_id, std::nullopt);
    EXPECT_EQ(comment_count(post), 4);
}

TEST_P(CommentContract, ReplyBelowTheDeepestBecomesItsSibling) {
    const PostId post = world().publish(kAda);
    CommentId last = world().comment(kBela, post);
    for (int depth = 0; depth < kMaxCommentDepth; ++depth) last = world().comment(kBela, post, "Deeper", last);
    const Comment sibling = world().try_comment(kBela, post, "Deepest", last)->value;
    EXPECT_EQ(sibling.parent_id, find(kBela, last)->parent_id);
    EXPECT_EQ(find(kBela, *sibling.parent_id)->reply_count, 2);
}

TEST_P(CommentContract, ReplyNeedsAVisibleLiveCommentOfThePost) {
    const PostId post = world().publish(kAda);
    const PostId other = world().publish(kAda);
    const CommentId elsewhere = world().comment(kBela, other);
    const CommentId deleted = world().comment(kBela, post);
    ASSERT_TRUE(remove(kBela, deleted));
    const CommentId of_hidden = world().comment(kDora, post);
    world().directory.block(kDora, kClara);
    for (const CommentId parent : {elsewhere, deleted, of_hidden, CommentId{1}}) {
        const auto refused = world().try_comment(kClara, post, "Reply", parent);
        ASSERT_EQ(code_of(refused), Code::unprocessable);
        EXPECT_EQ(refused.error().errors.at(0).pointer, "/parent_id");
    }
    EXPECT_EQ(comment_count(post), 1);
}

// [P41]
TEST_P(CommentContract, OneIdempotencyKeyMakesOneComment) {
    const PostId post = world().publish(kAda);
    for (const bool is_first : {true, false}) {
        http::IdempotencyClaim claim(kBela, "POST comments", "key", "fingerprint", world().clock.now());
        world().request.idempotency = &claim;
        EXPECT_EQ(world().try_comment(kBela, post).has_value(), is_first);
        world().request.idempotency = nullptr;
    }
    EXPECT_EQ(comment_count(post), 1);
}

// [P20]
TEST_P(CommentContract, OnlyItsAuthorEditsAComment) {
    const PostId post = world().publish(kAda);
    const CommentId id = world().comment(kBela, post, "Frist @member-3");
    world().clock.advance(std::chrono::seconds(1));
    const auto edit = [&](UserId user) {
        return world().run(service().edit(world().caller(user), id, {{"First @member-1"}}));
    };
    EXPECT_EQ(code_of(edit(kAda)), Code::forbidden);
    const Comment edited = edit(kBela).value();
    EXPECT_EQ(edited.text, "First @member-1");
    EXPECT_EQ(edited.mentions.at(0).user_id, kAda);
    EXPECT_EQ(edited.edited_at, world().clock.now());
    EXPECT_EQ(edited.version, 2);
    EXPECT_EQ(json::to_json(find(kBela, id).value()), json::to_json(edited));
    world().request.if_match = std::vector<std::int64_t>{1};
    EXPECT_EQ(code_of(world().run(service().edit(world().caller(kBela), id, {{"Third"}}))), Code::precondition_failed);
}

// [P20]
TEST_P(CommentContract, AuthorOfTheCommentOrOfThePostRemovesIt) {
    const PostId post = world().publish(kAda);
    const CommentId first = world().comment(kBela, post);
    const CommentId second = world().comment(kBela, post);
    EXPECT_EQ(code_of(remove(kClara, first)), Code::forbidden);
    EXPECT_TRUE(remove(kBela, first));
    EXPECT_TRUE(remove(kAda, second));
    EXPECT_EQ(code_of(remove(kAda, second)), Code::gone);
    EXPECT_EQ(code_of(find(kBela, first)), Code::gone);
    EXPECT_EQ(comments(kBela, post, {}).size(), 0U);
    EXPECT_EQ(comment_count(post), 0);
}

// [P20]
TEST_P(CommentContract, WhoMayRemoveACommentMayDoSoAlsoWhenBlocked) {
    const PostId post = world().publish(kAda);
    const CommentId first = world().comment(kBela, post);
    const CommentId second = world().comment(kBela, post);
    const CommentId third = world().comment(kClara, post);
    world().directory.block(kBela, kAda);
    EXPECT_TRUE(remove(kAda, first)) << "the author of the post";
    EXPECT_TRUE(remove(kBela, second)) << "the author of the comment";
    EXPECT_EQ(code_of(remove(kBela, third)), Code::not_found);
    EXPECT_EQ(comment_count(post), 1);
}

// [P18] [P20]
TEST_P(CommentContract, DeletedCommentStaysAsATombstoneWhileItHasReplies) {
    const PostId post = world().publish(kAda);
    const CommentId top = world().comment(kBela, post, "Secret");
    const CommentId middle = world().comment(kBela, post, "Secret", top);
    const CommentId leaf = world().comment(kClara, post, "Leaf", middle);
    ASSERT_TRUE(remove(kBela, top));
    ASSERT_TRUE(remove(kBela, middle));
    const auto shown = comments(kAda, post, {});
    ASSERT_EQ(ids_of(shown), Ids{top});
    EXPECT_TRUE(shown[0].is_deleted);
    EXPECT_EQ(shown[0].text, "");
    EXPECT_EQ(shown[0].author, std::nullopt);
    EXPECT_EQ(ids_of(replies(kAda, top)), Ids{middle});
    EXPECT_EQ(ids_of(replies(kAda, middle)), Ids{leaf});
    EXPECT_EQ(comment_count(post), 1);
    ASSERT_TRUE(remove(kClara, leaf));
    EXPECT_EQ(comments(kAda, post, {}).size(), 0U);
    EXPECT_EQ(comment_count(post), 0);
}

// [P44]
TEST_P(CommentContract, CommentsOfHiddenMembersAreLeftOut) {
    const PostId post = world().publish(kAda);
    const CommentId hidden = world().comment(kBela, post);
    const CommentId reply = world().comment(kBela, post, "Reply", world().comment(kDora, post));
    world().directory.block(kClara, kBela);
    EXPECT_EQ(comments(kClara, post, {}).size(), 1U);
    EXPECT_EQ(comments(kDora, post, {}).size(), 2U);
    for (const CommentId id : {hidden, reply}) {
        EXPECT_EQ(code_of(find(kClara, id)), Code::not_found);
        EXPECT_EQ(code_of(world().run(service().list_replies(world().visitor(kClara), id, {}))), Code::not_found);
        EXPECT_EQ(code_of(remove(kClara, id)), Code::not_found);
    }
    EXPECT_EQ(code_of(world().run(service().list_by_user(world().caller(kClara), kBela, {}))), Code::not_found);
}

// [P44]
TEST_P(CommentContract, ReplyCountsAreOfThoseWhomTheReaderMaySee) {
    const PostId post = world().publish(kAda);
    const CommentId top = world().comment(kDora, post);
    world().comment(kBela, post, "Reply", top);
    world().comment(kAda, post, "Reply", top);
    world().directory.block(kClara, kBela);
    EXPECT_EQ(comments(kClara, post, {}).at(0).reply_count, 1);
    EXPECT_EQ(find(kClara, top)->reply_count, 1);
    EXPECT_EQ(replies(kClara, top).size(), 1U);
    EXPECT_EQ(find(kDora, top)->reply_count, 2);
}

// [P44] [F: a shared representation shown without the viewer's filter]
TEST_P(CommentContract, HiddenMembersAreNamedByNoMentionAndNoParent) {
    const PostId post = world().publish(kAda);
    const CommentId hidden = world().comment(kBela, post);
    const CommentId reply = world().comment(kDora, post, "@member-2 and @member-1", hidden);
    const CommentId own = world().comment(kClara, post, "Mine", hidden);
    world().directory.block(kClara, kBela);
    EXPECT_EQ(comments_of(kDora, kDora).at(0).parent_id, hidden);
    for (const Comment& seen : {*find(kClara, reply), comments_of(kClara, kDora).at(0)}) {
        EXPECT_EQ(seen.parent_id, std::nullopt);
        ASSERT_EQ(seen.mentions.size(), 1U);
        EXPECT_EQ(seen.mentions[0].user_id, kAda);
    }
    const auto edited = world().run(service().edit(world().caller(kClara), own, {{"Still mine"}}));
    EXPECT_EQ(edited->text, "Still mine");
    EXPECT_EQ(edited->parent_id, std::nullopt);
}

// [P44] [F: a shared representation shown without the viewer's filter]
TEST_P(CommentContract, ATombstoneLooksTheSameToWhoIsHiddenFromItsAuthor) {
    const PostId post = world().publish(kAda);
    const CommentId tombstone = world().comment(kBela, post);
    const CommentId reply = world().comment(kDora, post, "Reply", tombstone);
    ASSERT_TRUE(remove(kBela, tombstone));
    world().directory.block(kClara, kBela);
    for (const UserId reader : {kAda, kClara}) {
        const auto shown = comments(reader, post, {});
        ASSERT_EQ(ids_of(shown), Ids{tombstone});
        EXPECT_EQ(shown[0].reply_count, 1);
        EXPECT_EQ(code_of(find(reader, tombstone)), Code::gone);
        EXPECT_EQ(ids_of(replies(reader, tombstone)), Ids{reply});
        EXPECT_EQ(find(reader, reply)->parent_id, tombstone);
        EXPECT_EQ(post_of(*world().find(reader, post)).comment_count, 1);
    }
}

// [P44] [F: a shared representation shown without the viewer's filter]
TEST_P(CommentContract, TombstonesWithHiddenRepliesOnlyAreNeitherShownNorCounted) {
    const PostId post = world().publish(kAda);
    const CommentId top = world().comment(kDora, post);
    const CommentId first = world().comment(kAda, post, "First", top);
    const CommentId second = world().comment(kAda, post, "Second", first);
    world().comment(kBela, post, "Leaf", second);
    ASSERT_TRUE(remove(kAda, first));
    ASSERT_TRUE(remove(kAda, second));
    EXPECT_EQ(find(kClara, top)->reply_count, 1);
    world().directory.block(kClara, kBela);
    EXPECT_EQ(find(kClara, top)->reply_count, 0);
    EXPECT_EQ(replies(kClara, top).size(), 0U);
    EXPECT_EQ(post_of(*world().find(kClara, post)).comment_count, 1);
    EXPECT_EQ(ids_of(replies(kDora, top)), Ids{first});
}

// [F: unbounded sets read on each request]
TEST_P(CommentContract, ManyCommentsOfAHiddenMemberCostAReaderNoReads) {
    const PostId post = world().publish(kAda);
    const CommentId oldest = world().comment(kDora, post);
    for (int i = 0; i < 300; ++i) world().comment(kBela, post);
    world().directory.block(kClara, kBela);
    comments(kClara, post, {});
    const int reads = world().database.reads;
    EXPECT_EQ(ids_of(comments(kClara, post, {})), Ids{oldest});
    EXPECT_LE(world().database.reads - reads, 2);
    EXPECT_EQ(post_of(*world().find(kClara, post)).comment_count, 1);
}

// [P32]
TEST_P(CommentContract, ActivityShowsWhatIsBelowVisiblePosts) {
    world().network.connect(kAda, kBela);
    const PostId open = world().publish(kAda, "Open", Visibility::members);
    const PostId closed = world().publish(kAda, "Closed", Visibility::connections);
    Ids all;
    Ids visible;
    for (int i = 0; i < 7; ++i) {
        const CommentId id = world().comment(kBela, i % 2 ? closed : open);
        all.insert(all.begin(), id);
        if (i % 2 == 0) visible.insert(visible.begin(), id);
        ASSERT_TRUE(world().react(kBela, i % 2 ? closed : open));
    }
    EXPECT_EQ(ids_of(comments_of(kAda, kBela)), all);
    EXPECT_EQ(ids_of(comments_of(kBela, kBela)), all);
    EXPECT_EQ(ids_of(comments_of(kClara, kBela)), visible);
    ASSERT_TRUE(remove(kBela, visible[0]));
    EXPECT_EQ(comments_of(kClara, kBela).size(), visible.size() - 1);

    const auto reactions = [&](UserId reader) {
        std::vector<PostId> ids;
        const auto rows = world().all_of([&](std::optional<std::string> cursor) {
            return world().run(world().module->reaction_service().list_by_user(
                world().caller(reader), kBela, {{1}, World::cursor_text(std::move(cursor))}));
        });
        for (const ReactionActivity& row : rows) ids.push_back(row.post.record->key.id);
        return ids;
    };
    EXPECT_EQ(reactions(kAda), (std::vector<PostId>{closed, open}));
    EXPECT_EQ(reactions(kClara), std::vector<PostId>{open});
}

INSTANTIATE_TEST_SUITE_P(, CommentContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace guildhall::post
