#include "services/post/text_entities.hpp"

#include <gtest/gtest.h>

namespace guildhall::post {
namespace {

using Tags = std::vector<std::string>;

Tags tags_of(std::string_view text) { return find_entities(text).hashtags; }

// [P22]
TEST(FindEntities, FoldsHashtagsAndKeepsEachOnceInOrder) {
    EXPECT_EQ(tags_of("#Go to #Zürich, #GO and #数学!"), (Tags{"go", "zürich", "数学"}));
}

TEST(FindEntities, HashtagNeedsALetterAndItsOwnWord) {
    EXPECT_EQ(tags_of("a#b ##c #1 #2024 #_ # d &#39; http://x.y/#anchor #\xEF\xB8\x8F\xE2\x83\xA3"), Tags{});
    EXPECT_EQ(tags_of("(#in_brackets) #a1 \"#quoted\" #one.two"), (Tags{"in_brackets", "a1", "quoted", "one"}));
}

TEST(FindEntities, OverLongHashtagIsPlainText) {
    EXPECT_EQ(tags_of("#" + std::string(100, 'x')), (Tags{std::string(100, 'x')}));
    EXPECT_EQ(tags_of("#" + std::string(101, 'x')), Tags{});
}

TEST(FindEntities, GivesAtMostThirtyOfEach) {
    std::string text;
    for (int i = 0; i < 40; ++i) text += "#tag" + std::to_string(i) + " @member-" + std::to_string(i) + " ";
    const TextEntities found = find_entities(text);
    EXPECT_EQ(found.hashtags.size(), 30U);
    EXPECT_EQ(found.mentions.size(), 30U);
    EXPECT_EQ(found.hashtags.back(), "tag29");
}

// [P21]
TEST(FindEntities, MentionOffsetsCountCodePoints) {
    const TextEntities found = find_entities("👩‍🔬 é @Ada-1, (@bela)");
    ASSERT_EQ(found.mentions.size(), 2U);
    EXPECT_EQ(found.mentions[0], (Mention{{}, "ada-1", 6, 6}));
    EXPECT_EQ(found.mentions[1], (Mention{{}, "bela", 15, 5}));
}

TEST(FindEntities, MentionIsNoPartOfAWordOrAddress) {
    for (const char* text :
         {"mail@ada.org", "@@ada", "@ab", "@ada_lovelace", "@adaé", "@-ada", "@", "@1234567890123456789012345678901"})
        EXPECT_TRUE(find_entities(text).mentions.empty()) << text;
}

TEST(FindEntities, HandleEndsBeforeAHyphenThatIsNotInside) {
    EXPECT_EQ(find_entities("@ada- yes").mentions[0], (Mention{{}, "ada", 0, 4}));
    EXPECT_EQ(find_entities("@ada--bela").mentions[0], (Mention{{}, "ada", 0, 4}));
    EXPECT_EQ(find_entities("@ada-bela.").mentions[0], (Mention{{}, "ada-bela", 0, 9}));
}

TEST(FindEntities, TextOfTheGreatestLengthIsQuick) {
    std::string text;
    for (int i = 0; i < 1500; ++i) text += "#@";
    EXPECT_TRUE(find_entities(text).mentions.empty());
    EXPECT_TRUE(find_entities(std::string(3000, '#')).hashtags.empty());
}

TEST(HandlesOf, NamesEachHandleOnce) {
    EXPECT_EQ(handles_of(find_entities("@ada @bela @ADA").mentions), (std::vector<std::string>{"ada", "bela"}));
}

}  // namespace
}  // namespace guildhall::post
