#include "platform/json/write.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace guildhall::json {
namespace {

std::string read_back(std::string_view written) {
    return std::string(boost::json::parse(boost::json::string_view(written.data(), written.size())).as_string());
}

TEST(JsonString, EscapesEveryCharacterThatNeedsItAtEveryPosition) {
    // The writer looks at eight bytes at once; texts of up to 20 have every distance to the ends of such a group.
    for (std::size_t size = 1; size <= 20; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int code = 0; code < 0x80; ++code) {
                std::string text(size, 'x');
                text[at] = static_cast<char>(code);
                const std::string written = to_json(text);
                const bool needs_escape = code < 0x20 || code == '"' || code == '\\';
                ASSERT_EQ(written.size() > size + 2, needs_escape) << code << " at " << at << " of " << size;
                ASSERT_EQ(read_back(written), text);
            }
        }
    }
}

TEST(JsonString, WritesOtherCharactersAsTheyAre) {
    const std::string text = "Žofie 🎉 naïve, 日本語; e\u0301 \u007f";
    EXPECT_EQ(to_json(text), '"' + text + '"');
}

TEST(JsonString, EscapesNeighbours) { EXPECT_EQ(to_json("a\"\\\"\n\x01z"), R"("a\"\\\"\n\u0001z")"); }

}  // namespace
}  // namespace guildhall::json
