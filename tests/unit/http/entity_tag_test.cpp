#include "platform/http/entity_tag.hpp"

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

bool names(const std::string& field, const std::string& tag) { return EntityTags::parse(field)->contains(tag); }

TEST(EntityTag, IsNamedByTheListThatHasIt) {
    const std::string tag = entity_tag(7, "body");
    EXPECT_TRUE(names(tag, tag));
    EXPECT_TRUE(names("W/" + tag, tag));
    EXPECT_TRUE(names("\"other\", " + tag, tag));
    EXPECT_TRUE(names("*", tag));
    EXPECT_FALSE(names("\"7\"", tag));
}

TEST(EntityTag, IsNamedByTheTagOfTheCompressedAnswer) {
    const std::string tag = entity_tag(0, "body");
    EXPECT_TRUE(names(tag.substr(0, tag.size() - 1) + "-gzip\"", tag));
    EXPECT_FALSE(names(tag.substr(0, tag.size() - 1) + "-other\"", tag));
}

TEST(EntityTag, ChangesWithTheBodyAndWithTheVersion) {
    EXPECT_NE(entity_tag(7, "body"), entity_tag(7, "another"));
    EXPECT_NE(entity_tag(7, "body"), entity_tag(8, "body"));
}

// [F: conditional requests]
TEST(EntityTag, CarriesItsVersionUnlessItIsWeak) {
    const auto versions = [](const std::string& field) { return EntityTags::parse(field)->versions(); };
    using Versions = std::vector<std::int64_t>;
    EXPECT_EQ(versions(entity_tag(7, "body")), Versions{7});
    EXPECT_EQ(versions(entity_tag(7)), Versions{7});
    EXPECT_EQ(versions("\"other\" , \"8-x\",,\"9\""), (Versions{8, 9}));
    EXPECT_EQ(versions("W/\"7-x\", \"0\", \"-1\", \"7x\", \"\", \"99999999999999999999\""), Versions{});
}

// [F: conditional requests]
TEST(EntityTag, IsRefusedWhenItIsNone) {
    for (const char* text : {"", " ", ",", "\"", "7", "\"7", "7\"", "w/\"7\"", "W/ \"7\"", "\"7\" \"8\"", "*, \"7\"",
                             "\"a b\"", "\"a\tb\""})
        EXPECT_FALSE(EntityTags::parse(text)) << text;
}

}  // namespace
}  // namespace guildhall::http
