#include <algorithm>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "platform/http/idempotency.hpp"
#include "support/await.hpp"
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

using Ids = std::vector<PostId>;
using Events = std::vector<std::string>;

class PostServiceContract : public test::PostContract {};

EditPost new_text(std::string text) { return {{json::Text<1, kMaxPostLength>{std::move(text)}}, {}}; }

template <class T>
std::optional<Code> code_of(const Result<T>& result) {
    if (result) return std::nullopt;
    return result.error().code;
}

// [P1]
TEST_P(PostServiceContract, PublishedPostIsReadAsItWasWritten) {
    const auto created = world().try_publish(kAda, "Hello #World from @member-2 and @nobody!", Visibility::everyone);
    ASSERT_TRUE(created);
    const Post post = post_of(created->value);
    EXPECT_EQ(created->location, "/v1/posts/" + std::to_string(post.id.value));
    EXPECT_EQ(post.text, "Hello #World from @member-2 and @nobody!");
    EXPECT_EQ(post.author.handle, "member-1");
    EXPECT_EQ(post.hashtags, std::vector<std::string>{"world"});
    EXPECT_EQ(post.version, 1);
    EXPECT_EQ(post.created_at, world().clock.now());
    EXPECT_EQ(json::to_json(world().find(kBela, post.id).value()), json::to_json(created->value));
    EXPECT_EQ(world().event_types(), Events{"post.created.v1"});
}

TEST_P(PostServiceContract, MembersSeeAPostUnlessItsAuthorSaysOtherwise) {
    const auto created = world().try_publish(kAda, "Hello");
    EXPECT_EQ(post_of(created->value).visibility, Visibility::members);
}

// [P21]
TEST_P(PostServiceContract, MentionsAreOfKnownMembersNotHiddenFromTheAuthor) {
    world().directory.block(kClara, kAda);
    const Post post = post_of(world().try_publish(kAda, "é @Member-2, @member-3, @nobody-1, @member-2")->value);
    EXPECT_EQ(post.mentions, (std::vector<Mention>{{kBela, "member-2", 2, 9}, {kBela, "member-2", 35, 9}}));
}

// [P41]
TEST_P(PostServiceContract, OneIdempotencyKeyMakesOnePost) {
    const auto publish = [&] {
        http::IdempotencyClaim claim(kAda, "POST /v1/posts", "key", "fingerprint", world().clock.now());
        world().request.idempotency = &claim;
        auto result = world().try_publish(kAda, "Once");
        world().request.idempotency = nullptr;
        return result;
    };
    const auto first = publish();
    ASSERT_TRUE(first);
    EXPECT_EQ(code_of(publish()), Code::conflict);
    EXPECT_EQ(world().posts_of(kAda, kAda).size(), 1U);
    EXPECT_EQ(world().event_types().size(), 1U);
    const auto answer =
        world().run(http::find_stored_answer(world().database, kAda, "POST /v1/posts", "key", world().clock.now()));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, json::to_json(first->value));
    EXPECT_EQ(answer->location, first->location);
}

// [P8]
TEST_P(PostServiceContract, EditChangesTextTagsAndMentionsAndMarksThePost) {
    const PostId id = world().publish(kAda, "#old #both @member-2", Visibility::everyone);
    EXPECT_EQ(world().posts_with(kBela, "old"), Ids{id});
    world().clock.advance(std::chrono::seconds(1));
    const Post edited = post_of(*world().edit(kAda, id, new_text("#new #both @member-3")));
    EXPECT_EQ(edited.text, "#new #both @member-3");
    EXPECT_EQ(edited.edited_at, world().clock.now());
    EXPECT_EQ(edited.version, 2);
    EXPECT_EQ(edited.mentions[0].user_id, kClara);
    EXPECT_EQ(world().posts_with(kBela, "old"), Ids{});
    EXPECT_EQ(world().posts_with(kBela, "new"), Ids{id});
    EXPECT_EQ(world().posts_with(kBela, "both"), Ids{id});
    EXPECT_EQ(post_of(*world().find(kBela, id)).text, edited.text);
    EXPECT_EQ(world().event_types(), (Events{"post.created.v1", "post.edited.v1"}));
}

TEST_P(PostServiceContract, EditThatChangesNothingIsNoEdit) {
    const PostId id = world().publish(kAda, "Same");
    const Post same = post_of(*world().edit(kAda, id, new_text("Same")));
    EXPECT_EQ(same.version, 1);
    EXPECT_EQ(same.edited_at, std::nullopt);
    EXPECT_EQ(world().edit(kAda, id, {})->version, 1);
    EXPECT_EQ(world().event_types(), Events{"post.created.v1"});
}

TEST_P(PostServiceContract, ChangeOfVisibilityIsNoEditMark) {
    const PostId id = world().publish(kAda, "Hello");
    const Post changed = post_of(*world().show_to(kAda, id, Visibility::connections));
    EXPECT_EQ(changed.edited_at, std::nullopt);
    EXPECT_EQ(changed.version, 2);
    EXPECT_EQ(world().event_types(), (Events{"post.created.v1", "post.visibility_changed.v1"}));
}

TEST_P(PostServiceContract, OnlyTheAuthorChangesAPost) {
    const PostId open = world().publish(kAda, "Open", Visibility::everyone);
    const PostId hidden = world().publish(kAda, "Hidden", Visibility::connections);
    EXPECT_EQ(code_of(world().edit(kBela, open, new_text("Mine"))), Code::forbidden);
    EXPECT_EQ(code_of(world().remove(kBela, open)), Code::forbidden);
    EXPECT_EQ(code_of(world().edit(kBela, hidden, new_text("Mine"))), Code::not_found);
    EXPECT_EQ(code_of(world().remove(kBela, hidden)), Code::not_found);
    EXPECT_EQ(code_of(world().remove(kBela, PostId{1})), Code::not_found);
}

// [P42]
TEST_P(PostServiceContract, StaleIfMatchChangesNothing) {
    const PostId id = world().publish(kAda, "v1");
    world().request.if_match = std::vector<std::int64_t>{1};
    EXPECT_TRUE(world().edit(kAda, id, new_text("v2")));
    EXPECT_EQ(code_of(world().edit(kAda, id, new_text("v3"))), Code::precondition_failed);
    EXPECT_EQ(code_of(world().remove(kAda, id)), Code::precondition_failed);
    EXPECT_EQ(post_of(*world().find(kAda, id)).text, "v2");
}

// [P42]
TEST_P(PostServiceContract, OfConcurrentEditsOfOneVersionOneWins) {
    const PostId id = world().publish(kAda, "v1");
    world().request.if_match = std::vector<std::int64_t>{1};
    int won = 0;
    for (int i = 0; i < 8; ++i) {
        auto edit = [&, i]() -> Task<void> {
            auto result = co_await world().module->post_service().edit(world().caller(kAda), id,
                                                                       new_text("edit " + std::to_string(i)));
            won += result ? 1 : 0;
        };
        world().loop.spawn([](auto body) -> Task<void> { co_await body(); }(edit));
    }
    world().loop.run();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(world().find(kAda, id)->version, 2);
}

// [P10]
TEST_P(PostServiceContract, DeletedPostIsATombstoneWithoutAnythingThatHungOnIt) {
    const PostId id = world().publish(kAda, "Secret #tag @member-2", Visibility::everyone);
    const PostId hidden = world().publish(kAda, "Hidden", Visibility::connections);
    const CommentId comment = world().comment(kBela, id);
    world().comment(kClara, id, "Reply", comment);
    ASSERT_TRUE(world().react(kBela, id));
    ASSERT_TRUE(world().remove(kAda, id));
    ASSERT_TRUE(world().remove(kAda, hidden));

    for (int cold = 0; cold < 2; ++cold) {
        for (const UserId reader : {kAda, kBela, kNobody}) EXPECT_EQ(code_of(world().find(reader, id)), Code::gone);
        EXPECT_EQ(code_of(world().find(kBela, hidden)), Code::not_found);
        EXPECT_EQ(code_of(world().find(kAda, hidden)), Code::gone);
        EXPECT_EQ(world().posts_of(kAda, kAda), Ids{});
        EXPECT_EQ(world().posts_with(kAda, "tag"), Ids{});
        EXPECT_EQ(world().feed(kAda), Ids{});
        world().start();
    }
    EXPECT_EQ(code_of(world().react(kBela, id)), Code::gone);
    EXPECT_EQ(code_of(world().try_comment(kBela, id)), Code::gone);
    EXPECT_EQ(code_of(world().edit(kAda, id, new_text("Back"))), Code::gone);
    world().run(world().module->maintain());
    for (const char* table : {"reactions", "reactions_by_user", "comments", "comment_routes", "comments_by_user",
                              "hashtag_posts", "purges"}) {
        const std::string text = std::string("SELECT COUNT(*) FROM ") + table;
        EXPECT_EQ(world().number({"test.count", text.c_str()}), 0) << table;
    }
    static constexpr sql::Statement kTexts{
        "test.texts", "SELECT COUNT(*) FROM posts WHERE text <> '' OR hashtags <> '[]' OR mentions <> '[]'"};
    EXPECT_EQ(world().number(kTexts), 0);
}

// [P10]
TEST_P(PostServiceContract, MuchThatHungOnADeletedPostIsRemovedInPieces) {
    const PostId kept = world().publish(kAda);
    ASSERT_TRUE(world().react(kBela, kept));
    world().comment(kBela, kept);
    const PostId id = world().publish(kAda);
    for (int i = 0; i < 7; ++i) {
        ASSERT_TRUE(world().react(UserId{20 + i}, id));
        if (i < 5) world().comment(UserId{20 + i}, id);
    }
    ASSERT_TRUE(world().remove(kAda, id));
    PostStore posts(world().database);
    ReactionStore reactions(world().database);
    CommentStore comments(world().database);
    Purger purger({posts, reactions, comments, world().base.coherence});
    std::vector<std::size_t> reacted;
    while (const auto users = world().run(purger.purge(3))) reacted.push_back(users->size());
    EXPECT_EQ(reacted, (std::vector<std::size_t>{3, 3, 1}));
    static constexpr sql::Statement kLeft{
        "test.left",
        "SELECT (SELECT COUNT(*) FROM reactions) + (SELECT COUNT(*) FROM reactions_by_user) + (SELECT COUNT(*) FROM "
        "comments) + (SELECT COUNT(*) FROM comment_routes) + (SELECT COUNT(*) FROM comments_by_user)"};
    EXPECT_EQ(world().number(kLeft), 5) << "those of the other post";
}

// [P45]
TEST_P(PostServiceContract, BatchGivesWhatTheReaderMaySeeInTheOrderAskedFor) {
    const PostId seen = world().publish(kAda, "A", Visibility::everyone);
    const PostId hidden = world().publish(kAda, "B", Visibility::connections);
    const PostId gone = world().publish(kAda, "C", Visibility::everyone);
    const PostId own = world().publish(kBela, "D", Visibility::connections);
    ASSERT_TRUE(world().remove(kAda, gone));
    for (int warm = 0; warm < 2; ++warm) {
        const auto found = world().run(world().module->post_service().list_by_ids(
            world().visitor(kBela), {{{own, hidden, PostId{5}, gone, seen}}}));
        ASSERT_TRUE(found);
        Ids ids;
        for (const PostView& view : found->items) ids.push_back(view.record->key.id);
        EXPECT_EQ(ids, (Ids{own, seen}));
    }
}

TEST_P(PostServiceContract, PostOfAnErasedMemberIsNotFound) {
    const PostId id = world().publish(kAda, "Hello", Visibility::everyone);
    world().directory.erase(kAda);
    EXPECT_EQ(code_of(world().find(kBela, id)), Code::not_found);
    EXPECT_EQ(world().posts_with(kBela, "x"), Ids{});
}

// --- visibility

// Every way to a post, for one reader: the names of those by which it shows.
std::vector<std::string> ways_to(World& world, UserId reader, UserId author, PostId id, CommentId comment, UserId fan) {
    Module& module = *world.module;
    const auto visitor = world.visitor(reader);
    const auto caller = world.caller(reader);
    const auto has = [&](const Ids& ids) { return std::ranges::find(ids, id) != ids.end(); };
    std::vector<std::string> ways;
    const auto note = [&](const char* way, bool shows) {
        if (shows) ways.emplace_back(way);
    };
    note("find", world.find(reader, id).has_value());
    note("batch", !world.run(module.post_service().list_by_ids(visitor, {{{id}}}))->items.empty());
    const auto list = world.run(module.post_service().list_by_author(visitor, author, {}));
    note("author",
         list && std::ranges::any_of(list->items, [&](const PostView& view) { return view.record->key.id == id; }));
    note("hashtag", has(world.posts_with(reader, "tag")));
    note("comments", world.run(module.comment_service().list(visitor, id, {})).has_value());
    note("comment", world.run(module.comment_service().find(visitor, comment)).has_value());
    note("replies", world.run(module.comment_service().list_replies(visitor, comment, {})).has_value());
    note("reactions", world.run(module.reaction_service().list(visitor, id, {})).has_value());
    std::vector<PostId> ids{id};
    note("card", world.run(module.posts().cards(reader, ids)).front() != nullptr);
    if (!reader) return ways;
    const auto reactions = world.run(module.reaction_service().list_by_user(caller, fan, {}));
    note("reaction tab", reactions && !reactions->items.empty());
    const auto comments = world.run(module.comment_service().list_by_user(caller, fan, {}));
    note("comment tab", comments && !comments->items.empty());
    note("react", world.react(reader, id).has_value());
    note("unreact", world.unreact(reader, id).has_value());
    return ways;
}

// [P13] [P44]
TEST_P(PostServiceContract, VisibilityHoldsOnEveryWayToAPost) {
    const UserId fan{50};
    world().network.connect(kAda, kBela);
    world().network.connect(kAda, fan);
    world().directory.block(kDora, kAda);
    const std::vector<std::string> anyone{"find",    "batch",   "author",    "hashtag", "comments",
                                          "comment", "replies", "reactions", "card"};
    std::vector<std::string> member = anyone;
    for (const char* way : {"reaction tab", "comment tab", "react", "unreact"}) member.emplace_back(way);
    const std::vector<std::string> none;

    for (const Visibility visibility : {Visibility::everyone, Visibility::members, Visibility::connections}) {
        const PostId id = world().publish(kAda, "#tag", visibility);
        const CommentId comment = world().comment(fan, id);
        ASSERT_TRUE(world().react(fan, id));
        for (int cold = 0; cold < 2; ++cold) {
            SCOPED_TRACE(std::string(json::name_of(visibility)) + (cold ? " cold" : " warm"));
            const auto ways = [&](UserId reader) { return ways_to(world(), reader, kAda, id, comment, fan); };
            EXPECT_EQ(ways(kAda), member);
            EXPECT_EQ(ways(kBela), member);
            EXPECT_EQ(ways(kClara), visibility == Visibility::connections ? none : member);
            EXPECT_EQ(ways(kDora), none);
            EXPECT_EQ(ways(kNobody), visibility == Visibility::everyone ? anyone : none);
            world().start();
        }
        ASSERT_TRUE(world().remove(kAda, id));
    }
}

// [P13] [P44]
TEST_P(PostServiceContract, ChangesOfAudienceHoldAtOnceOnWarmCaches) {
    const PostId id = world().publish(kAda, "#tag", Visibility::everyone);
    const auto seen_by = [&](UserId reader) {
        const bool found = world().find(reader, id).has_value();
        EXPECT_EQ(world().posts_with(reader, "tag").size(), found ? 1U : 0U);
        if (!world().directory.is_hidden(reader, kAda))
            EXPECT_EQ(world().posts_of(reader, kAda).size(), found ? 1U : 0U);
        return found;
    };
    EXPECT_TRUE(seen_by(kBela));
    EXPECT_TRUE(seen_by(kNobody));
    ASSERT_TRUE(world().show_to(kAda, id, Visibility::connections));
    EXPECT_FALSE(seen_by(kBela));
    EXPECT_FALSE(seen_by(kNobody));
    world().network.connect(kAda, kBela);
    EXPECT_TRUE(seen_by(kBela));
    world().network.disconnect(kAda, kBela);
    EXPECT_FALSE(seen_by(kBela));
    ASSERT_TRUE(world().show_to(kAda, id, Visibility::members));
    EXPECT_TRUE(seen_by(kBela));
    EXPECT_FALSE(seen_by(kNobody));
    world().directory.block(kAda, kBela);
    EXPECT_FALSE(seen_by(kBela));
    EXPECT_EQ(code_of(world().run(world().module->post_service().list_by_author(world().visitor(kBela), kAda, {}))),
              Code::not_found);
}

// --- lists

// [P32]
TEST_P(PostServiceContract, AuthorsListIsKeysetPagedBeyondWhatIsKept) {
    Ids expected;
    for (int i = 0; i < 130; ++i) {
        const auto visibility = static_cast<Visibility>(i % 3);
        const PostId id = world().publish(kAda, "Post", visibility);
        if (visibility != Visibility::connections) expected.insert(expected.begin(), id);
    }
    EXPECT_EQ(world().posts_of(kBela, kAda, 7), expected);
    EXPECT_EQ(world().posts_of(kBela, kAda, 100), expected);
    EXPECT_EQ(world().posts_of(kAda, kAda, 13).size(), 130U);
}

TEST_P(PostServiceContract, ListsRefuseACursorOfAnotherList) {
    for (int i = 0; i < 3; ++i) world().publish(kAda, "#tag");
    const auto page =
        world().run(world().module->post_service().list_by_author(world().visitor(kAda), kAda, {{2}, {}}));
    ASSERT_TRUE(page->next_cursor);
    EXPECT_EQ(code_of(world().feed_page(kAda, 2, page->next_cursor)), Code::invalid);
    EXPECT_EQ(code_of(world().feed_page(kAda, 2, "rubbish")), Code::invalid);
}

TEST_P(PostServiceContract, LastPageHasNoCursor) {
    for (int i = 0; i < 4; ++i) world().publish(kAda, "Post");
    EXPECT_EQ(world().feed_page(kAda, 4)->next_cursor, std::nullopt);
    EXPECT_NE(world().feed_page(kAda, 3)->next_cursor, std::nullopt);
    EXPECT_EQ(world().feed_page(kBela, 3)->next_cursor, std::nullopt);
}

// --- reactions

Reactions reactions_of(World& world, PostId id) { return post_of(*world.find(kAda, id)).reactions; }

// [P15]
TEST_P(PostServiceContract, SixReactionsAreCountedByKindAndToldToTheirMember) {
    const PostId id = world().publish(kAda, "Hello", Visibility::everyone);
    for (int kind = 0; kind < kReactionKinds; ++kind) {
        const UserId user{20 + kind};
        ASSERT_TRUE(world().react(user, id, static_cast<ReactionKind>(kind)));
        EXPECT_EQ(world().find(user, id)->my_reaction, static_cast<ReactionKind>(kind));
    }
    EXPECT_EQ(reactions_of(world(), id), (Reactions{6, 1, 1, 1, 1, 1, 1}));
    EXPECT_EQ(world().find(kAda, id)->my_reaction, std::nullopt);
    EXPECT_EQ(world().find(kNobody, id)->my_reaction, std::nullopt);
}

// [P15]
TEST_P(PostServiceContract, ReactionIsChangedAndTakenBack) {
    const PostId id = world().publish(kAda, "Hello");
    for (const auto kind : {ReactionKind::like, ReactionKind::like, ReactionKind::love}) {
        ASSERT_TRUE(world().react(kBela, id, kind));
        EXPECT_EQ(world().find(kBela, id)->my_reaction, kind);
    }
    EXPECT_EQ(reactions_of(world(), id), (Reactions{1, 0, 0, 0, 1, 0, 0}));
    EXPECT_TRUE(world().unreact(kBela, id));
    EXPECT_TRUE(world().unreact(kBela, id));
    EXPECT_EQ(reactions_of(world(), id), Reactions{});
    EXPECT_EQ(world().find(kBela, id)->my_reaction, std::nullopt);
    EXPECT_EQ(world().event_types(),
              (Events{"post.created.v1", "post.reacted.v1", "post.reacted.v1", "post.reaction_removed.v1"}));
}

TEST_P(PostServiceContract, OwnReactionIsKnownHoweverManyTheMemberMade) {
    std::vector<ImportedPost> posts;
    for (int i = 0; i < 600; ++i)
        posts.push_back(
            {kAda, "Post", Visibility::members, world().clock.now() + std::chrono::milliseconds(i), std::to_string(i)});
    const auto ids = world().run(world().module->importer().import_posts(posts)).value();
    std::vector<ImportedReaction> reactions;
    for (std::size_t i = 0; i < ids.size(); ++i)
        reactions.push_back({ids[i], kBela, static_cast<ReactionKind>(i % 6), world().clock.now()});
    ASSERT_EQ(world().run(world().module->importer().import_reactions(reactions)), 600U);
    for (const std::size_t i : {0UL, 3UL, 86UL, 88UL, 89UL, 599UL})
        EXPECT_EQ(world().find(kBela, ids[i])->my_reaction, static_cast<ReactionKind>(i % 6));
}

// [P16]
TEST_P(PostServiceContract, WhoReactedIsListedNewestFirstByKindWithoutHiddenMembers) {
    const PostId id = world().publish(kAda, "Hello", Visibility::everyone);
    std::vector<UserId> users;
    for (int i = 0; i < 7; ++i) {
        users.insert(users.begin(), UserId{20 + i});
        ASSERT_TRUE(world().react(UserId{20 + i}, id, i % 2 ? ReactionKind::like : ReactionKind::support));
    }
    const auto listed = [&](UserId reader, std::optional<ReactionKind> kind, int limit) {
        std::vector<UserId> found;
        const auto rows = world().all_of([&](std::optional<std::string> cursor) {
            return world().run(world().module->reaction_service().list(
                world().visitor(reader), id, {{{limit}, World::cursor_text(std::move(cursor))}, kind}));
        });
        for (const Reaction& row : rows) found.push_back(row.user.id);
        return found;
    };
    EXPECT_EQ(listed(kNobody, {}, 2), users);
    EXPECT_EQ(listed(kBela, ReactionKind::like, 1), (std::vector<UserId>{UserId{25}, UserId{23}, UserId{21}}));
    world().directory.block(UserId{23}, kBela);
    EXPECT_EQ(listed(kBela, ReactionKind::like, 1), (std::vector<UserId>{UserId{25}, UserId{21}}));
    EXPECT_EQ(listed(kClara, {}, 100).size(), 7U);
}

// Rows of counters that differ from a recount.
constexpr sql::Statement kWrongCounts{
    "test.wrong_counts",
    "SELECT COUNT(*) FROM post_counts c WHERE "
    "like_count <> (SELECT COUNT(*) FROM reactions r WHERE r.post_id = c.post_id AND r.kind = 0) OR "
    "celebrate_count <> (SELECT COUNT(*) FROM reactions r WHERE r.post_id = c.post_id AND r.kind = 1) OR "
    "support_count <> (SELECT COUNT(*) FROM reactions r WHERE r.post_id = c.post_id AND r.kind = 2) OR "
    "love_count <> (SELECT COUNT(*) FROM reactions r WHERE r.post_id = c.post_id AND r.kind = 3) OR "
    "insightful_count <> (SELECT COUNT(*) FROM reactions r WHERE r.post_id = c.post_id AND r.kind = 4) OR "
    "funny_count <> (SELECT COUNT(*) FROM reactions r WHERE r.post_id = c.post_id AND r.kind = 5) OR "
    "comment_count <> (SELECT COUNT(*) FROM comments m WHERE m.post_id = c.post_id AND m.deleted_at IS NULL)"};
constexpr sql::Statement kWrongReplyCounts{
    "test.wrong_reply_counts",
    "SELECT COUNT(*) FROM comments c WHERE reply_count <> (SELECT COUNT(*) FROM comments r WHERE r.post_id = c.post_id "
    "AND r.parent_id = c.id AND (r.deleted_at IS NULL OR r.reply_count > 0))"};
constexpr sql::Statement kWrongOwnReactions{
    "test.wrong_own_reactions",
    "SELECT (SELECT COUNT(*) FROM reactions) + (SELECT COUNT(*) FROM reactions_by_user) "
    "- 2 * (SELECT COUNT(*) FROM reactions r "
    "JOIN reactions_by_user u ON u.user_id = r.user_id AND u.post_id = r.post_id AND u.id = r.id AND u.kind = r.kind)"};

// [P15] [P17] [P18]
TEST_P(PostServiceContract, CountersEqualARecountAfterConcurrentChanges) {
    std::vector<PostId> posts;
    for (int i = 0; i < 3; ++i) posts.push_back(world().publish(kAda, "Popular", Visibility::everyone));
    constexpr int kThreads = 4;
    std::vector<std::thread> threads;
    for (int n = 0; n < kThreads; ++n) {
        threads.emplace_back([&, n] {
            std::mt19937 random(static_cast<unsigned>(n));
            auto storm = [&]() -> Task<void> {
                std::vector<CommentId> comments;
                for (int i = 0; i < 60; ++i) {
                    // Two threads are the same members, so they also fight for the same rows.
                    const auto caller = world().caller(UserId{20 + n / 2 * 3 + static_cast<int>(random() % 3)});
                    const PostId post = posts[random() % posts.size()];
                    const auto action = random() % 8;
                    if (action < 3) {
                        (void)co_await world().module->reaction_service().set(
                            caller, post, {static_cast<ReactionKind>(random() % 6)});
                    } else if (action < 4) {
                        (void)co_await world().module->reaction_service().remove(caller, post);
                    } else if (action < 6 || comments.empty()) {
                        std::optional<CommentId> parent;
                        if (!comments.empty() && random() % 2) parent = comments[random() % comments.size()];
                        CreateComment body{{"Comment"}, parent};
                        const auto made = co_await world().module->comment_service().create(caller, post, body);
                        if (made) comments.push_back(made->value.id);
                    } else {
                        (void)co_await world().module->comment_service().remove(world().caller(kAda),
                                                                                comments[random() % comments.size()]);
                    }
                }
            };
            guildhall::test::await(storm());
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(world().number(kWrongCounts), 0);
    EXPECT_EQ(world().number(kWrongReplyCounts), 0);
    EXPECT_EQ(world().number(kWrongOwnReactions), 0);
    for (const PostId id : posts) {
        const Post warm = post_of(*world().find(UserId{20}, id));
        world().start();
        EXPECT_EQ(json::to_json(warm), json::to_json(post_of(*world().find(UserId{20}, id))));
    }
}

TEST_P(PostServiceContract, DeletionRacingWithReactionsLeavesNothingBehind) {
    for (int round = 0; round < 5; ++round) {
        const PostId id = world().publish(kAda, "Short-lived", Visibility::everyone);
        std::thread deletes([&] {
            EXPECT_TRUE(guildhall::test::await(world().module->post_service().remove(world().caller(kAda), id)));
        });
        for (int n = 0; n < 6; ++n) {
            auto react = [&, n]() -> Task<void> {
                (void)co_await world().module->reaction_service().set(world().caller(UserId{20 + n}), id,
                                                                      {ReactionKind::like});
                CreateComment body{{"Late"}, {}};
                (void)co_await world().module->comment_service().create(world().caller(UserId{20 + n}), id, body);
            };
            world().loop.spawn([](auto body) -> Task<void> { co_await body(); }(react));
        }
        world().loop.run();
        deletes.join();
        EXPECT_EQ(code_of(world().find(kAda, id)), Code::gone);
    }
    world().run(world().module->maintain());
    static constexpr sql::Statement kLeft{
        "test.left",
        "SELECT (SELECT COUNT(*) FROM reactions) + (SELECT COUNT(*) FROM reactions_by_user) "
        "+ (SELECT COUNT(*) FROM comments)"};
    EXPECT_EQ(world().number(kLeft), 0);
    EXPECT_EQ(world().number(kWrongCounts), 0);
}

// A block must not be noticed by a number that is larger than its list. [P44]
TEST_P(PostServiceContract, CountsAreOfThoseWhomTheReaderMaySee) {
    const PostId id = world().publish(kClara);
    ASSERT_TRUE(world().react(kAda, id, ReactionKind::love));
    ASSERT_TRUE(world().react(kDora, id, ReactionKind::love));
    const CommentId of_ada = world().comment(kAda, id);
    const CommentId of_dora = world().comment(kDora, id);
    // No list leads to what is below a comment that is not shown.
    world().comment(kDora, id, "Reply", of_ada);
    world().comment(kAda, id, "Reply", of_dora);
    EXPECT_EQ(post_of(*world().find(kBela, id)).comment_count, 4);
    world().directory.block(kBela, kAda);

    for (int cold = 0; cold < 2; ++cold) {
        SCOPED_TRACE(cold ? "cold" : "warm");
        const auto by_ids = world().run(world().module->post_service().list_by_ids(world().visitor(kBela), {{{id}}}));
        const auto of_author =
            world().run(world().module->post_service().list_by_author(world().visitor(kBela), kClara, {}));
        for (const PostView& view : {*world().find(kBela, id), by_ids->items.front(), of_author->items.front()}) {
            const Post seen = post_of(view);
            EXPECT_EQ(seen.reactions, (Reactions{1, 0, 0, 0, 1, 0, 0}));
            EXPECT_EQ(seen.comment_count, 1);
        }
        EXPECT_EQ(post_of(*world().find(kDora, id)).reactions.total, 2);
        EXPECT_EQ(post_of(*world().find(kDora, id)).comment_count, 4);
        world().start();
    }
}

// [P44] [F: a shared representation shown without the viewer's filter]
TEST_P(PostServiceContract, MentionsOfHiddenMembersArePlainText) {
    const PostId id = world().publish(kClara, "@member-1 and @member-4");
    ASSERT_EQ(post_of(*world().find(kBela, id)).mentions.size(), 2U);
    world().directory.block(kBela, kAda);
    const Post seen = post_of(*world().find(kBela, id));
    ASSERT_EQ(seen.mentions.size(), 1U);
    EXPECT_EQ(seen.mentions.front().user_id, kDora);
    EXPECT_EQ(seen.text, "@member-1 and @member-4");
    ASSERT_TRUE(world().react(kAda, id));
    EXPECT_EQ(post_of(*world().find(kBela, id)).mentions.size(), 1U) << "also where counts are left out";
    EXPECT_EQ(post_of(*world().find(kDora, id)).mentions.size(), 2U);
}

// [F: unbounded sets read on each request]
TEST_P(PostServiceContract, AReaderWhoHidesThousandsAsksOnlyForThoseWhoTakePart) {
    const PostId id = world().publish(kClara, "#crowd");
    ASSERT_TRUE(world().react(UserId{1005}, id));
    ASSERT_TRUE(world().react(kDora, id));
    world().comment(UserId{1006}, id);
    for (std::int64_t user = 1000; user < 4000; ++user) world().directory.block(kBela, UserId{user});
    world().database.longest_list = 0;
    EXPECT_EQ(world().posts_with(kBela, "crowd"), Ids{id});
    const Post seen = post_of(*world().find(kBela, id));
    EXPECT_EQ(seen.reactions.total, 1);
    EXPECT_EQ(seen.comment_count, 0);
    EXPECT_LE(world().database.longest_list, 20U);
}

// [F: timing]
TEST_P(PostServiceContract, ListsOfAHiddenMemberTakeTheWayOfThoseOfNobody) {
    world().directory.block(kBela, kAda);
    PostService& posts = world().module->post_service();
    ReactionService& reactions = world().module->reaction_service();
    CommentService& comments = world().module->comment_service();
    const auto asked = [&](auto&& list) {
        world().directory.asked_to_exist = UserId{};
        EXPECT_EQ(code_of(world().run(list())), Code::not_found);
        return world().directory.asked_to_exist.load();
    };
    EXPECT_EQ(asked([&] { return posts.list_by_author(world().visitor(kBela), kAda, {}); }), user::kNoMember);
    EXPECT_EQ(asked([&] { return reactions.list_by_user(world().caller(kBela), kAda, {}); }), user::kNoMember);
    EXPECT_EQ(asked([&] { return comments.list_by_user(world().caller(kBela), kAda, {}); }), user::kNoMember);
}

// --- caches

TEST_P(PostServiceContract, WarmReadsTouchNoSql) {
    world().network.connect(kAda, kBela);
    PostId id;
    for (int i = 0; i < 30; ++i) {
        id = world().publish(i % 2 ? kAda : kBela, "Post");
        if (i % 5 == 0) ASSERT_TRUE(world().react(kAda, id));
    }
    const auto read = [&] {
        ASSERT_TRUE(world().find(kAda, id));
        ASSERT_TRUE(world().feed_page(kAda, 20));
        ASSERT_TRUE(world().run(world().module->post_service().list_by_author(world().visitor(kAda), kBela, {})));
    };
    read();
    const int calls = world().database.calls();
    for (int i = 0; i < 3; ++i) read();
    EXPECT_EQ(world().database.calls(), calls);
}

TEST_P(PostServiceContract, PostReadWhileItIsEditedIsNotKept) {
    const PostId id = world().publish(kAda, "Before");
    world().start();
    world().database.after_read = [&](std::string) -> Task<void> {
        auto edited = co_await world().module->post_service().edit(world().caller(kAda), id, new_text("After"));
        EXPECT_TRUE(edited);
    };
    ASSERT_TRUE(world().find(kBela, id));
    EXPECT_EQ(post_of(*world().find(kBela, id)).text, "After");
}

TEST_P(PostServiceContract, OwnReactionReadWhileItChangesIsNotKept) {
    const PostId id = world().publish(kAda, "Hello");
    ASSERT_TRUE(world().react(kBela, id, ReactionKind::like));
    world().start();
    ASSERT_TRUE(world().find(kClara, id));  // the post is warm, Bela's reactions are not
    world().database.after_read = [&](std::string name) -> Task<void> {
        EXPECT_EQ(name, "post.list_newest_reactions_of");
        auto changed = co_await world().module->reaction_service().set(world().caller(kBela), id, {ReactionKind::love});
        EXPECT_TRUE(changed);
    };
    ASSERT_TRUE(world().find(kBela, id));
    EXPECT_EQ(world().find(kBela, id)->my_reaction, ReactionKind::love);
}

// [P45]
TEST_P(PostServiceContract, CardsForOtherServicesAreExcerptsOfWhatTheViewerMaySee) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += "é";
    const PostId id = world().publish(kAda, text, Visibility::connections);
    std::vector<PostId> ids{PostId{5}, id};
    const auto own = world().run(world().module->posts().cards(kAda, ids));
    ASSERT_EQ(own.size(), 2U);
    EXPECT_EQ(own[0], nullptr);
    EXPECT_EQ(own[1]->excerpt, text.substr(0, 400));
    EXPECT_EQ(world().run(world().module->posts().cards(kBela, ids))[1], nullptr);
}

INSTANTIATE_TEST_SUITE_P(, PostServiceContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace guildhall::post
