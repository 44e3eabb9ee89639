#include "platform/neo4j/settings.hpp"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace guildhall::neo4j {
namespace {

TEST(Neo4jUrl, SaysWhereAndWho) {
    const Settings all = parse_url("https://gu%40ild:p%3Ass%2Fword@graph.example:1234/members");
    EXPECT_EQ(all.url, "https://graph.example:1234");
    EXPECT_EQ(all.user, "gu@ild");
    EXPECT_EQ(all.password, "p:ss/word");
    EXPECT_EQ(all.database, "members");
}

TEST(Neo4jUrl, HasDefaults) {
    const Settings few = parse_url("http://localhost");
    EXPECT_EQ(few.url, "http://localhost:7474");
    EXPECT_TRUE(few.user.empty());
    EXPECT_EQ(few.database, "neo4j");
    EXPECT_EQ(parse_url("https://[::1]/").url, "https://[::1]:7473");
}

TEST(Neo4jUrl, AMalformedOneIsRefusedWithoutRepeatingItsPassword) {
    for (const char* url :
         {"", "neo4j", "bolt://secret@host", "http://", "http://:secret@host", "http://user@host?secret",
          "http://u:secret@host/a/b", "http://u:secret@host/a%2fb", "http://u:secret@host/a?x=1",
          "http://u:secret@host/..", "http://u:secret@host:port", "http://u:secret@host:70000", "http://user@host"}) {
        try {
            parse_url(url);
            ADD_FAILURE() << url;
        } catch (const std::invalid_argument& refused) {
            EXPECT_FALSE(std::string(refused.what()).contains("secret")) << refused.what();
        }
    }
}

}  // namespace
}  // namespace guildhall::neo4j
