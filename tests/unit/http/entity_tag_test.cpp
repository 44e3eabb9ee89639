#include "platform/http/entity_tag.hpp"

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

TEST(EntityTag, IsNamedByTheListThatHasIt) {
    const std::string tag = entity_tag(7, "body");
    EXPECT_TRUE(names_etag(tag, tag));
    EXPECT_TRUE(names_etag("W/" + tag, tag));
    EXPECT_TRUE(names_etag("\"other\", " + tag, tag));
    EXPECT_TRUE(names_etag("*", tag));
    EXPECT_FALSE(names_etag("", tag));
    EXPECT_FALSE(names_etag("\"7\"", tag));
}

TEST(EntityTag, IsNamedByTheTagOfTheCompressedAnswer) {
    const std::string tag = entity_tag(0, "body");
    EXPECT_TRUE(names_etag(tag.substr(0, tag.size() - 1) + "-gzip\"", tag));
    EXPECT_FALSE(names_etag(tag.substr(0, tag.size() - 1) + "-other\"", tag));
}

TEST(EntityTag, ChangesWithTheBodyAndWithTheVersion) {
    EXPECT_NE(entity_tag(7, "body"), entity_tag(7, "another"));
    EXPECT_NE(entity_tag(7, "body"), entity_tag(8, "body"));
}

TEST(EntityTag, CarriesItsVersion) {
    EXPECT_EQ(*version_of_if_match(entity_tag(7, "body")), 7);
    EXPECT_EQ(*version_of_if_match(entity_tag(7)), 7);
    EXPECT_EQ(*version_of_if_match("*"), 0);
}

TEST(EntityTag, IsRefusedWhenItHasNoVersion) {
    for (const char* text :
         {"", "\"", "\"\"", "7", "\"0\"", "\"-1\"", "\"x\"", "\"7x\"", "\"7", "\"99999999999999999999\""})
        EXPECT_FALSE(version_of_if_match(text).has_value()) << text;
}

}  // namespace
}  // namespace guildhall::http
