#include "services/connection/sort_name.hpp"

#include <string>

#include <gtest/gtest.h>

#include "platform/base/cursor.hpp"
#include "platform/base/text.hpp"

namespace guildhall::connection {
namespace {

// [C10]
TEST(SortName, IsFoldedWordsBetweenSingleSpaces) {
    EXPECT_EQ(sort_name("Ada Lovelace"), "ada lovelace");
    EXPECT_EQ(sort_name("Anna-Žofie  O'Neil"), "anna zofie o neil");
    EXPECT_EQ(sort_name("  (Dr.) Émile Zola, PhD! "), "dr emile zola phd");
    EXPECT_EQ(sort_name("ＦＵＬＬ　Ｗｉｄｔｈ"), "full width");
    EXPECT_EQ(sort_name("李小龍"), "李小龍");
}

TEST(SortName, OfANameWithoutLettersIsEmpty) {
    EXPECT_EQ(sort_name(""), "");
    EXPECT_EQ(sort_name("👩‍👩‍👧‍👦 !!"), "");
}

// The longest names of four-byte characters, and one character that folding makes eighteen (U+FDFA).
TEST(SortName, AlwaysFitsIntoACursor) {
    for (const char* character : {"𝒜", "𐌀", "ﷺ", "x", "ế"}) {
        std::string name;
        for (int i = 0; i < 100; ++i) name += character;
        const std::string folded = sort_name(name);
        EXPECT_LE(folded.size(), kMaxSortNameBytes);
        EXPECT_TRUE(is_utf8(folded));
        const Cursor cursor{"connections.name", {INT64_MAX, INT64_MAX}, folded};
        EXPECT_LE(cursor.encode().size(), 512U);
    }
}

TEST(NamePatterns, AreOneForEachWordAndEscaped) {
    EXPECT_EQ(name_patterns("Zo\u00eb"), (NamePatterns{"% zoe%", "%", "%"}));
    EXPECT_EQ(name_patterns("ada  LOVE"), (NamePatterns{"% ada%", "% love%", "%"}));
    EXPECT_EQ(name_patterns("a b c d"), (NamePatterns{"% a%", "% b%", "% c d%"}));
    EXPECT_EQ(name_patterns("snake_case"), (NamePatterns{"% snake\\_case%", "%", "%"}));
}

TEST(NamePatterns, OfNoWordAreNone) {
    EXPECT_FALSE(name_patterns("%"));
    EXPECT_FALSE(name_patterns("\\ --"));
}

}  // namespace
}  // namespace guildhall::connection
