#include "app/import/import_plan.hpp"

#include <chrono>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/text.hpp"

namespace guildhall::app {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

/// The definition of docs/import.md, apart from the code under test.
std::uint64_t number(std::uint64_t seed, const std::string& kind, const std::string& name) {
    const std::string bytes = sha256(std::to_string(seed) + ":" + kind + ":" + name);
    std::uint64_t out = 0;
    for (int i = 0; i < 8; ++i) out = out << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    return out;
}

ImportInput ring(std::size_t nodes, std::size_t posts, std::uint64_t seed = 1) {
    ImportInput input;
    for (std::size_t i = 0; i < nodes; ++i) input.graph.nodes.push_back(static_cast<std::int64_t>(10 * i));
    for (std::uint32_t i = 0; i + 1 < nodes; ++i) input.graph.edges.emplace_back(i, i + 1);
    input.graph.edges.emplace_back(0, static_cast<std::uint32_t>(nodes - 1));
    input.paragraphs = {"First. And more.", "Second", "Third one! And so on. End."};
    input.names = {"Žofie-Anne", "李"};
    input.seed = seed;
    input.post_count = posts;
    return input;
}

const Time kEnd{std::chrono::sys_days{std::chrono::January / 1 / 2026}};
const Time kStart = kEnd - std::chrono::milliseconds(std::int64_t{1} << 35);

TEST(ImportPlan, IsAFunctionOfFilesAndSeed) {
    const ImportPlan once(ring(50, 200));
    const ImportPlan again(ring(50, 200));
    const ImportPlan other(ring(50, 200, 2));
    EXPECT_EQ(once.digest(), again.digest());
    EXPECT_NE(once.digest(), other.digest());
    std::size_t different = 0;
    for (std::size_t n = 0; n < 200; ++n) {
        EXPECT_EQ(once.post(n).author, again.post(n).author);
        EXPECT_EQ(once.post(n).created_at, again.post(n).created_at);
        different += once.post(n).created_at != other.post(n).created_at ? 1 : 0;
    }
    EXPECT_GT(different, 190U);
}

TEST(ImportPlan, MorePostsChangeNothingOfTheFirst) {
    const ImportPlan few(ring(50, 10));
    const ImportPlan many(ring(50, 1000));
    EXPECT_EQ(few.digest(), many.digest());
    for (std::size_t n = 0; n < 10; ++n) {
        EXPECT_EQ(few.post(n).created_at, many.post(n).created_at);
        EXPECT_EQ(few.comments(n).size(), many.comments(n).size());
    }
}

TEST(ImportPlan, IsWhatTheDocumentSays) {
    const ImportPlan plan(ring(50, 1000));
    for (std::size_t n = 0; n < 1000; ++n) {
        const std::string name = std::to_string(n);
        const PlannedPost post = plan.post(n);
        EXPECT_EQ(post.author, number(1, "author", name) % 50);
        EXPECT_EQ(post.paragraph, n % 3);
        const std::uint64_t audience = number(1, "visibility", name) % 10;
        EXPECT_EQ(post.visibility == post::Visibility::members, audience <= 6);
        EXPECT_EQ(post.visibility == post::Visibility::connections, audience == 9);
        const auto offset = (number(1, "post", name) >> 49) * 1'048'576 + n * 610'007 % 1'048'576;
        EXPECT_EQ(post.created_at, kStart + std::chrono::milliseconds(offset));
    }
    EXPECT_EQ(plan.connection(0).connected_at,
              kStart + std::chrono::milliseconds(number(1, "connection", "0:10") >> 29));
    EXPECT_EQ(plan.member(3).created_at, kStart - std::chrono::seconds(number(1, "member", "30") % 25'920'000));
}

TEST(ImportPlan, NoTwoPostsShareAMillisecond) {
    const ImportPlan plan(ring(50, 40'000));
    std::set<Time> times;
    for (std::size_t n = 0; n < plan.post_count(); ++n) {
        const Time at = plan.post(n).created_at;
        EXPECT_THAT(at, AllOf(Ge(kStart), Le(kEnd)));
        EXPECT_TRUE(times.insert(at).second);
    }
}

TEST(ImportPlan, HandlesAreValidAndUnique) {
    ImportInput input = ring(50, 0);
    input.graph.nodes.back() = 999'999'999'999'999'999;
    const ImportPlan plan(std::move(input));
    std::set<std::string> handles;
    for (std::size_t place = 0; place < 50; ++place) {
        const PlannedMember member = plan.member(place);
        EXPECT_TRUE(handles.insert(member.handle).second);
        EXPECT_LE(member.handle.size(), 30U);
        EXPECT_EQ(member.handle.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos)
            << member.handle;
        EXPECT_EQ(member.handle,
                  (member.name.starts_with("Ž") ? "zofieanne-" : "member-") + std::to_string(member.node));
        EXPECT_EQ(member.email, "member-" + std::to_string(member.node) + "@demo.example");
    }
}

TEST(ImportPlan, OnlyConnectionsCommentAndReactAndTheAuthorReplies) {
    const ImportPlan plan(ring(50, 2000));
    const auto are_connected = [](std::uint32_t a, std::uint32_t b) { return (a + 1) % 50 == b || (b + 1) % 50 == a; };
    std::map<std::size_t, std::size_t> by_depth;
    std::size_t reactions = 0;
    for (std::size_t n = 0; n < plan.post_count(); ++n) {
        const PlannedPost post = plan.post(n);
        Time before = post.created_at;
        for (const PlannedComment& comment : plan.comments(n)) {
            ++by_depth[comment.k];
            EXPECT_TRUE(comment.k == 0 ? are_connected(comment.author, post.author) : comment.author == post.author);
            EXPECT_GT(comment.created_at, before);
            EXPECT_TRUE(comment.text == "First." || comment.text == "Second" || comment.text == "Third one! And so on.")
                << comment.text;
            before = comment.created_at;
        }
        std::set<std::uint32_t> who;
        for (const PlannedReaction& reaction : plan.reactions(n)) {
            EXPECT_TRUE(are_connected(reaction.member, post.author));
            EXPECT_TRUE(who.insert(reaction.member).second);
            EXPECT_GT(reaction.created_at, post.created_at);
            ++reactions;
        }
    }
    EXPECT_NEAR(static_cast<double>(by_depth[0]), 750, 100);
    EXPECT_NEAR(static_cast<double>(by_depth[1]), 250, 60);
    EXPECT_GT(reactions, 2000U);
}

TEST(ImportPlan, ACommentIsAtMost280CharactersOfAParagraph) {
    ImportInput input = ring(10, 300);
    std::string kana;
    for (int i = 0; i < 400; ++i) kana += "あ";
    input.paragraphs = {kana};
    const ImportPlan plan(std::move(input));
    std::size_t comments = 0;
    for (std::size_t n = 0; n < plan.post_count(); ++n) {
        for (const PlannedComment& comment : plan.comments(n)) {
            EXPECT_EQ(code_points(comment.text), 280U);
            ++comments;
        }
    }
    EXPECT_GT(comments, 0U);
}

}  // namespace
}  // namespace guildhall::app
