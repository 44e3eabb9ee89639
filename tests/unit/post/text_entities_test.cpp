#include "services/post/text_entities.hpp"

#include <gtest/gtest.h>

#include "support/cpu_growth.hpp"
#include "support/hard_texts.hpp"

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

// [F: hashtags cut at joiners]
TEST(FindEntities, HashtagGoesOnOverWhatHoldsAWordTogether) {
    EXPECT_EQ(tags_of("#col·legi #می\u200Cخواهم #ක්\u200Dෂ #צה״ל"),
              (Tags{"col·legi", "می\u200Cخواهم", "ක්\u200Dෂ", "צה״ל"}));
    EXPECT_EQ(tags_of("#a· #b\u200C, #c\u200Bd"), (Tags{"a", "b", "c"}));
    EXPECT_EQ(tags_of("#\u3164 #\u3164x #\u200Cx"), Tags{});
}

// [F: hashtags cut at joiners]
TEST(FindEntities, SignsMayBeInFullWidth) {
    EXPECT_EQ(tags_of("＃tag ﹟small a＃b ＃＃c"), (Tags{"tag", "small"}));
    ASSERT_EQ(find_entities("é ＠Ada").mentions.size(), 1U);
    EXPECT_EQ(find_entities("é ＠Ada").mentions[0], (Mention{{}, "ada", 2, 4}));
}

// [F: entities inside URLs and addresses]
TEST(FindEntities, UrlsHoldNoEntities) {
    for (const char* text :
         {"https://x.example/Go_(game)#History", "http://x.example/?u=@ada", "(see HTTPS://x.example/(a)#b)",
          "ftp://x.example/~@ada", "x.example/Go_(game)#History", "www.x.example:8080/?u=@ada&t=(#a)",
          "数学 https://数学.example/数学-#数学", "https://x.example/a,#b", "...https://x.example/a(#b"}) {
        const TextEntities found = find_entities(text);
        EXPECT_EQ(found.hashtags, Tags{}) << text;
        EXPECT_TRUE(found.mentions.empty()) << text;
    }
}

// [F: entities inside URLs and addresses]
TEST(FindEntities, EntitiesBesideUrlsAreFound) {
    const TextEntities found =
        find_entities("é https://x.example/é#no @ada (x.example/a)#tag \"http://y.example\" #end");
    EXPECT_EQ(found.hashtags, (Tags{"tag", "end"}));
    EXPECT_EQ(found.mentions, (std::vector<Mention>{{{}, "ada", 25, 4}}));
    EXPECT_EQ(tags_of("https://x.example #tag"), Tags{"tag"});
    EXPECT_EQ(tags_of("and/or (#tag) 1.5 #two e.g. #three"), (Tags{"tag", "two", "three"}));
}

// [F: entities inside URLs and addresses]
TEST(FindEntities, NamesThatGoOnAsAddressesAreNone) {
    for (const char* text : {"@ada@server.example", "@ada.example.org", "@ada/repository", "#tag@server.example"}) {
        const TextEntities found = find_entities(text);
        EXPECT_EQ(found.hashtags, Tags{}) << text;
        EXPECT_TRUE(found.mentions.empty()) << text;
    }
    EXPECT_EQ(find_entities("@ada. @bela/ @cleo... (@dora)").mentions.size(), 4U);
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

// [F: quadratic work on an io thread]
TEST(FindEntities, CostsAtMostInProportionToTheText) {
    for (const HardText& text : hard_texts()) {
        const double growth = growth_over_three_doublings([&](std::size_t bytes) { return "#" + text.of(bytes); },
                                                          [](std::string_view in) { find_entities(in); });
        EXPECT_LT(growth, kMostLinearGrowth) << text.name;
    }
}

TEST(HandlesOf, NamesEachHandleOnce) {
    EXPECT_EQ(handles_of(find_entities("@ada @bela @ADA").mentions), (std::vector<std::string>{"ada", "bela"}));
}

}  // namespace
}  // namespace guildhall::post
