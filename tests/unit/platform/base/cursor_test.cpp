#include "platform/base/cursor.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "platform/base/text.hpp"

namespace guildhall {
namespace {

using namespace std::string_literals;

const Cursor kExample{
    "post.feed", {7'301'234'567'890'123'456, -1, 0, std::numeric_limits<std::int64_t>::min()}, "žofie"};

void expect_refused(const Result<Cursor>& cursor, std::string_view what) {
    ASSERT_FALSE(cursor) << what;
    EXPECT_EQ(cursor.error().code, Code::invalid);
    ASSERT_EQ(cursor.error().errors.size(), 1U);
    EXPECT_EQ(cursor.error().errors[0].pointer, "/cursor");
}

TEST(Cursor, ComesBackAsItWas) {
    const auto cursor = Cursor::decode(kExample.encode(), "post.feed", 4);
    ASSERT_TRUE(cursor);
    EXPECT_EQ(cursor->kind, kExample.kind);
    EXPECT_EQ(cursor->numbers, kExample.numbers);
    EXPECT_EQ(cursor->text, kExample.text);
}

TEST(Cursor, OfAnotherListIsRefused) {
    expect_refused(Cursor::decode(kExample.encode(), "post.by_author", 4), "another kind");
}

TEST(Cursor, MalformedIsRefused) {
    const std::string good = kExample.encode();
    for (const std::string& text :
         {""s, "x"s, "AAAA"s, "AAAAAAAA"s, "not base64!"s, good + "A", good.substr(1), "\0"s}) {
        expect_refused(Cursor::decode(text, "post.feed", 4), text);
    }
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        expect_refused(Cursor::decode(changed, "post.feed", 4), changed);
    }
    expect_refused(Cursor::decode(good.substr(0, 9), "post.feed", 4), "cut");
}

TEST(Cursor, TextThatADatabaseRefusesIsRefused) {
    expect_refused(Cursor::decode(Cursor{"k", {1}, "\xFF"}.encode(), "k", 1), "not UTF-8");
    expect_refused(Cursor::decode(Cursor{"k", {1}, "a\0b"s}.encode(), "k", 1), "NUL");
    expect_refused(Cursor::decode(Cursor{"k", {}, ""}.encode(), "k", 1), "too few numbers");
}

}  // namespace
}  // namespace guildhall
