#include "platform/json/read.hpp"

#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "platform/json/schema.hpp"
#include "platform/json/write.hpp"

namespace guildhall::json {
namespace {

enum class Colour { red, green };
BOOST_DESCRIBE_ENUM(Colour, red, green)

struct Inner {
    Line<1, 5> line;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (line))

struct Outer {
    Text<1, 5> text;
    std::optional<Colour> colour;
    std::optional<AtMost<2, Inner>> items;
    Patch<Text<0, 5>> patch;
    std::optional<std::int64_t> number;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (text, colour, items, patch, number))

struct Post {
    Text<1, 3000> text;
};
BOOST_DESCRIBE_STRUCT(Post, (), (text))

std::string fault_of(std::string_view body) {
    const auto read = from_json<Outer>(body);
    if (read) return "none";
    const Fault& first = read.error().errors.front();
    return first.pointer + " " + first.code;
}

struct Contact {
    Email email;
};
BOOST_DESCRIBE_STRUCT(Contact, (), (email))

// [F: small] Blanks around an e-mail address, as keyboards of telephones leave them.
TEST(ReadJson, TrimsAndLowersAnEmailAddress) {
    EXPECT_EQ(from_json<Contact>(R"({"email":" \t Ada@Example.ORG\u00a0\n"})")->email.value, "ada@example.org");
    EXPECT_FALSE(from_json<Contact>(R"({"email":"a da@example.org"})"));
    EXPECT_FALSE(from_json<Contact>(R"({"email":"   "})"));
}

TEST(ReadJson, NamesTheFieldAndTheFault) {
    EXPECT_EQ(fault_of(R"({})"), "/text required");
    EXPECT_EQ(fault_of(R"({"text":5})"), "/text type");
    EXPECT_EQ(fault_of(R"({"text":""})"), "/text too_short");
    EXPECT_EQ(fault_of(R"({"text":"123456"})"), "/text too_long");
    EXPECT_EQ(fault_of(R"({"text":"a","colour":"blue"})"), "/colour unknown_value");
    EXPECT_EQ(fault_of(R"({"text":"a","items":[{"line":"a"},{"line":"a\nb"}]})"), "/items/1/line control_character");
    EXPECT_EQ(fault_of(R"({"text":"a","items":[{"line":"a"},{"line":"a"},{"line":"a"}]})"), "/items too_many");
    EXPECT_EQ(fault_of(R"({"text":"a","a/b~c":1})"), "/a~1b~0c unknown");
    EXPECT_EQ(fault_of(R"({"text":"a","number":1.5})"), "/number type");
    EXPECT_EQ(fault_of(R"({"text":"a","number":99999999999999999999})"), "/number type");
}

TEST(ReadJson, RefusesWhatIsNotStrictJson) {
    EXPECT_EQ(fault_of(""), " required");
    EXPECT_EQ(fault_of("{"), " syntax");
    EXPECT_EQ(fault_of(R"({"text":"a"} x)"), " syntax");
    EXPECT_EQ(fault_of("{\"text\":\"\xff\"}"), " syntax");
    EXPECT_EQ(fault_of(R"({"text":"a","text":"b"})"), "/text repeated");
    EXPECT_EQ(fault_of(std::string(100, '[')), " too_deep");
    EXPECT_EQ(fault_of("[]"), " type");
}

TEST(ReadJson, RefusesNulAndOtherControlCharacters) {
    EXPECT_EQ(fault_of(R"({"text":"a\u0000"})"), "/text control_character");
    EXPECT_EQ(fault_of(R"({"text":"a\u202e"})"), "/text control_character");
}

TEST(ReadJson, CountsCodePointsAfterNormalisation) {
    const auto read = from_json<Outer>("{\"text\":\"  e\xCC\x81\xF0\x9F\x98\x80 \"}");  // e + combining acute, emoji
    ASSERT_TRUE(read);
    EXPECT_EQ(read->text.value, "\xC3\xA9\xF0\x9F\x98\x80");
}

// [F: quadratic work on an io thread]
TEST(ReadJson, RefusesMoreMarksInARowThanAnyLanguageNeeds) {
    std::string marks;
    for (int i = 0; i < 31; ++i) marks += "\u0316";
    EXPECT_EQ(fault_of("{\"text\":\"a" + marks + "\"}"), "/text too_long");  // refused before the marks are looked at
    EXPECT_EQ((from_json<Post>("{\"text\":\"a" + marks + "\"}").error().errors.front().code), "too_many_marks");
}

// [F: line ends]
TEST(ReadJson, CountsALineEndOnce) {
    EXPECT_EQ(from_json<Outer>(R"({"text":"a\r\nb\rc"})")->text.value, "a\nb\nc");
    EXPECT_EQ(fault_of(R"({"text":"a\r\nb\r\ncd"})"), "/text too_long");
}

// [F: texts that show nothing]
TEST(ReadJson, ATextOfWhichNothingShowsIsEmpty) {
    for (const char* text : {"\u3164", "\u200B", "\u2060", "\u200B \u200B", "\u2800"})
        EXPECT_EQ(fault_of("{\"text\":\"" + std::string(text) + "\"}"), "/text too_short") << text;
    EXPECT_EQ(from_json<Outer>("{\"text\":\"a\",\"patch\":\"\u200B\"}")->patch.value.value, "");
    EXPECT_EQ(from_json<Outer>("{\"text\":\"\u200Ba\"}")->text.value, "\u200Ba");
}

// [F: texts that show nothing]
TEST(ReadJson, OneLineHasNoSeparatorOfLinesOrParagraphs) {
    for (const char* text : {"a\u2028b", "a\u2029b"})
        EXPECT_EQ(fault_of("{\"text\":\"a\",\"items\":[{\"line\":\"" + std::string(text) + "\"}]}"),
                  "/items/0/line control_character");
}

TEST(ReadJson, ReadsATagInTheFormThatTextsGiveIt) {
    const auto tag_of = [](std::string_view text) {
        Tag tag;
        Faults faults;
        read_text(text, tag, {}, faults);
        return faults.empty() ? tag.value : "refused";
    };
    EXPECT_EQ(tag_of("Col·legi"), "col·legi");
    EXPECT_EQ(tag_of("می\u200Cخواهم"), "می\u200Cخواهم");
    for (const char* text : {"", "·a", "a·", "a b", "\u200C", "\u3164", "#a", "a.b"})
        EXPECT_EQ(tag_of(text), "refused") << text;
}

TEST(ReadJson, TellsAbsentFromNullInAMergePatch) {
    using State = Patch<Text<0, 5>>::State;
    EXPECT_EQ(from_json<Outer>(R"({"text":"a"})")->patch.state, State::absent);
    EXPECT_EQ(from_json<Outer>(R"({"text":"a","patch":null})")->patch.state, State::removed);
    EXPECT_EQ(from_json<Outer>(R"({"text":"a","patch":"b"})")->patch.state, State::set);
}

TEST(ReadJson, GivesAtMost32Faults) {
    std::string body = "{";
    for (int i = 0; i < 100; ++i) body += "\"k" + std::to_string(i) + "\":1,";
    body.back() = '}';
    EXPECT_EQ(from_json<Outer>(body).error().errors.size(), 32U);
}

TEST(WriteJson, ReadsBackWhatItWrote) {
    Inner inner;
    inner.line.value = "\"\\/\t";
    EXPECT_EQ(to_json(inner), R"({"line":"\"\\/\t"})");
}

TEST(SchemaOfStruct, SaysTheConstraints) {
    Schemas schemas;
    EXPECT_EQ(schemas.of<Outer>().at("$ref"), "#/components/schemas/Outer");
    const auto& outer = schemas.named().at("Outer").as_object();
    EXPECT_EQ(outer.at("required"), boost::json::array{"text"});
    EXPECT_EQ(outer.at("properties").at("text").at("maxLength"), 5);
    EXPECT_EQ(schemas.named().at("Colour").at("enum"), (boost::json::array{"red", "green"}));
}

/// The code points that a pattern "^[^\u0000-\u0008\u000b]*$" excludes.
std::set<char32_t> excluded_by(std::string_view pattern) {
    std::set<char32_t> out;
    const auto take = [&] {
        const auto digits = pattern.substr(pattern.find("\\u") + 2, 4);
        pattern.remove_prefix(pattern.find("\\u") + 6);
        return static_cast<char32_t>(std::stoul(std::string(digits), nullptr, 16));
    };
    while (pattern.contains("\\u")) {
        const char32_t first = take();
        const bool is_range = pattern.starts_with('-');
        const char32_t last = is_range ? take() : first;
        for (char32_t c = first; c <= last; ++c) out.insert(c);
    }
    return out;
}

std::string utf8(char32_t c) {
    if (c < 0x80) return {static_cast<char>(c)};
    if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    return {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
            static_cast<char>(0x80 | (c & 0x3F))};
}

// [F: schema precision]
TEST(Schema, SaysOfEachCodePointWhatTheRuleOfTextsDoes) {
    const auto in_text = excluded_by(kTextPattern);
    const auto in_line = excluded_by(kLinePattern);
    for (char32_t c = 0; c < 0x3000; ++c) {
        const std::string text = "a" + utf8(c) + "b";
        const auto is_refused = [&](bool one_line) {
            Faults faults;
            std::string out;
            rules::text(text, out, 1, 10, one_line, Place{}, faults);
            return !faults.empty();
        };
        EXPECT_EQ(is_refused(false), in_text.contains(c)) << static_cast<unsigned>(c);
        EXPECT_EQ(is_refused(true), in_line.contains(c)) << static_cast<unsigned>(c);
    }
}

// [F: schema precision]
TEST(Schema, SaysHowLargeAnIdMayBe) {
    const std::regex pattern(kIdPattern);
    for (const char* text :
         {"1", "10", "999999999999999999", "1000000000000000000", "8999999999999999999", "0", "01", "-1", "+1", "",
          "9000000000000000000", "9223372036854775807", "9223372036854775808", "10000000000000000000"}) {
        Faults faults;
        std::int64_t out = 0;
        rules::id(text, out, Place{}, faults);
        EXPECT_EQ(faults.empty(), std::regex_match(text, pattern)) << text;
    }
}

}  // namespace
}  // namespace guildhall::json
