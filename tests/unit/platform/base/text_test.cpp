#include "platform/base/text.hpp"

#include <string>

#include <gtest/gtest.h>

namespace guildhall {
namespace {

using namespace std::string_literals;

TEST(Text, AcceptsUtf8OfEveryLength) {
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("plain ascii, longer than eight bytes"));
    EXPECT_TRUE(is_utf8("nul \0 inside"s));
    EXPECT_TRUE(is_utf8("é ж 漢 \U0001F600 \U0010FFFF"));
    EXPECT_TRUE(is_utf8("eight by é then more ascii text"));
}

TEST(Text, RefusesWhatIsNotUtf8) {
    EXPECT_FALSE(is_utf8("\xC0\x80"));          // overlong NUL
    EXPECT_FALSE(is_utf8("\xE0\x80\xAF"));      // overlong in three
    EXPECT_FALSE(is_utf8("\xF0\x8F\xBF\xBF"));  // overlong in four
    EXPECT_FALSE(is_utf8("\xED\xA0\x80"));      // surrogate
    EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));  // past U+10FFFF
    EXPECT_FALSE(is_utf8("\xF8\x88\x80\x80\x80"));
    EXPECT_FALSE(is_utf8("\x80"));
    EXPECT_FALSE(is_utf8("twelve bytes\xE6\xBC"));  // cut off
    EXPECT_FALSE(is_utf8("\xC3("));
}

TEST(Text, CountsCodePoints) {
    EXPECT_EQ(code_points(""), 0U);
    EXPECT_EQ(code_points("abc"), 3U);
    EXPECT_EQ(code_points("é漢\U0001F600"), 3U);
}

TEST(Text, ComposesToNfc) {
    EXPECT_EQ(to_nfc("e\u0301"), "é");
    EXPECT_EQ(to_nfc("already é"), "already é");
    EXPECT_EQ(to_nfc("\u1112\u1161\u11ab"), "한");
    EXPECT_EQ(to_nfc("a\0b\u0301"s), "a\0b\u0301"s);  // b has no composed form; NUL does not end the text
    EXPECT_EQ(to_nfc("\u212b"), "Å");                 // the Ångström sign
}

TEST(Text, OrdersMarksByClassAndKeepsTheOrderWithinAClass) {
    EXPECT_EQ(to_nfc("q\u0307\u0323"), "q\u0323\u0307");
    EXPECT_EQ(to_nfc("q\u0300\u0301"), "q\u0300\u0301");
    EXPECT_EQ(to_nfc("\u0307\u0323"), "\u0323\u0307");  // without a base
    EXPECT_EQ(to_nfc("a\u0323\u0302"), "\u1EAD");       // ậ
}

// [F: quadratic work on an io thread]
TEST(Text, AtMostThirtyMarksInARowAreStreamSafe) {
    const auto marks = [](int count) {
        std::string text = "a";
        for (int i = 0; i < count; ++i) text += "\u0301";
        return text;
    };
    EXPECT_TRUE(is_stream_safe("plain"));
    EXPECT_TRUE(is_stream_safe(marks(30) + marks(30)));
    EXPECT_FALSE(is_stream_safe(marks(31)));
    EXPECT_FALSE(is_stream_safe("\u00E1" + marks(30).substr(1)));  // á has a mark of its own
    EXPECT_TRUE(is_stream_safe(marks(30) + "\u034F" + marks(30).substr(1)));
}

TEST(Text, FoldsCaseMarksAndWidth) {
    EXPECT_EQ(fold("Žofie"), fold("zofie"));
    EXPECT_EQ(fold("HELLO World_9"), "hello world_9");
    EXPECT_EQ(fold("Straße"), "strasse");
    EXPECT_EQ(fold("Ｆｕｌｌ"), "full");
    EXPECT_EQ(fold("ΣΊΣΥΦΟΣ"), fold("σίσυφος"));
}

TEST(Text, FoldingCaseKeepsTheJoinersThatLanguagesSpellWith) {
    EXPECT_EQ(fold_case("ZÜRICH"), "zürich");
    EXPECT_EQ(fold_case("Ｃo\u00ADop\uFE0F"), "coop");
    EXPECT_EQ(fold_case("می\u200Cخواهم"), "می\u200Cخواهم");
    EXPECT_EQ(fold_case("Col\u0387legi"), "col\u00B7legi");
}

// [F: texts that show nothing]
TEST(Text, IsBlankWhenNothingShows) {
    for (const char* text :
         {"", " ", "\u3164", "\u200B", "\u2060", "\u2800", "\uFEFF \u00AD\u2003", "\uFE0F", "\u115F"})
        EXPECT_TRUE(is_blank(text)) << text;
    for (const char* text : {"a", "\u200Ba", "。", "\U0001F600", "0"}) EXPECT_FALSE(is_blank(text)) << text;
}

// [F: line ends]
TEST(Text, WritesEveryLineEndAsALineFeed) {
    EXPECT_EQ(with_line_feeds("a\r\nb\rc\nd\r\r\n\r"), "a\nb\nc\nd\n\n\n");
    EXPECT_EQ(with_line_feeds(""), "");
}

TEST(Text, FindsCharactersThatNobodyTypes) {
    EXPECT_FALSE(has_control_characters("tab\t line\n return\r é \U0001F600 \u00A0 \u200B"));
    EXPECT_TRUE(has_control_characters("\0"s));
    EXPECT_TRUE(has_control_characters("a\x1b[31m"));
    EXPECT_TRUE(has_control_characters("\x7f"));
    EXPECT_TRUE(has_control_characters("\u0085"));
    EXPECT_TRUE(has_control_characters("user\u202Egnp.exe"));
    EXPECT_TRUE(has_control_characters("\u2066"));
    EXPECT_FALSE(has_control_characters("\u2013\u2029\u2065\u206A"));
}

TEST(Text, TrimsUnicodeWhiteSpace) {
    EXPECT_EQ(trim(" \t\u00A0\u3000 a b \u2003\n"), "a b");
    EXPECT_EQ(trim("\u2003"), "");
    EXPECT_EQ(trim(""), "");
    EXPECT_EQ(trim("é"), "é");
}

TEST(Text, KnowsWordCharacters) {
    for (const char32_t c : U"aZ09_éж漢٣\u0301") {
        if (c != 0) EXPECT_TRUE(is_word_character(c)) << static_cast<unsigned>(c);
    }
    for (const char32_t c : U" #-.@\u00A0\u2013\U0001F600")
        EXPECT_FALSE(is_word_character(c)) << static_cast<unsigned>(c);
}

// [F: hashtags cut at joiners]
TEST(Text, AWordGoesOnOverWhatHoldsItTogether) {
    for (const std::string word :
         {"col·legi", "می\u200Cخواهم", "ක්\u200Dෂ", "co\u00ADop", "ジョン・スミス", "צה״ל", "a\u2060b"})
        EXPECT_EQ(word_end(word + " x", 0), word.size()) << word;
    EXPECT_EQ(word_end("a· b", 0), 1U);
    EXPECT_EQ(word_end("·a", 0), 0U);
    EXPECT_EQ(word_end("a\u200Bb", 0), 1U);
    EXPECT_EQ(word_end("a\u3164b", 0), 1U);
    EXPECT_EQ(word_end("one-two", 4), 7U);
    EXPECT_EQ(word_end("", 0), 0U);
}

TEST(Text, ReadsCodePointsOneByOne) {
    const std::string text = "aé漢\U0001F600";
    std::u32string read;
    for (std::size_t at = 0; at < text.size();) read += next_code_point(text, at);
    EXPECT_EQ(read, U"aé漢\U0001F600");
}

TEST(Text, Base64UrlGoesBothWays) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(from_base64url(base64url(bytes)), bytes);
        bytes += static_cast<char>(i * 7);
    }
    EXPECT_EQ(base64url("\xFB\xFF"), "-_8");
}

TEST(Text, Base64UrlHasOneFormForEachValue) {
    EXPECT_FALSE(from_base64url("-_9"));   // left-over bits
    EXPECT_FALSE(from_base64url("A"));     // no whole byte
    EXPECT_FALSE(from_base64url("AA=="));  // padding
    EXPECT_FALSE(from_base64url("A+/A"));  // the other alphabet
    EXPECT_FALSE(from_base64url("AA\n"));
}

TEST(Text, HashesAsPublished) {
    EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Text, StableHashNeverChanges) {
    // Stored in outbox partitions and given out in entity tags.
    EXPECT_EQ(stable_hash(""), 0x2D06800538D394C2ULL);
    EXPECT_NE(stable_hash("a"), stable_hash("b"));
}

TEST(Text, RandomBytesDiffer) {
    EXPECT_EQ(random_bytes(32).size(), 32U);
    EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(Text, ComparesSecrets) {
    EXPECT_TRUE(equal_secret("same", "same"));
    EXPECT_FALSE(equal_secret("same", "sane"));
    EXPECT_FALSE(equal_secret("same", "same!"));
    EXPECT_TRUE(equal_secret("", ""));
}

}  // namespace
}  // namespace guildhall
