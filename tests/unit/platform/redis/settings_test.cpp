#include "platform/redis/settings.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace guildhall::redis {
namespace {

using testing::ElementsAre;
using Kind = Settings::Kind;

TEST(RedisUrl, NamesOneServer) {
    const Settings settings = parse_url("redis://cache.internal");
    EXPECT_EQ(settings.kind, Kind::single);
    EXPECT_THAT(settings.hosts, ElementsAre(Endpoint{"cache.internal", "6379"}));
    EXPECT_EQ(settings.database, 0);
    EXPECT_TRUE(settings.password.empty());
    EXPECT_FALSE(settings.is_tls);
}

TEST(RedisUrl, HoldsUserPasswordPortAndDatabase) {
    const Settings settings = parse_url("rediss://us%65r:p%40s%3as%2F,@[::1]:7000/12");
    EXPECT_THAT(settings.hosts, ElementsAre(Endpoint{"::1", "7000"}));
    EXPECT_EQ(settings.user, "user");
    EXPECT_EQ(settings.password, "p@s:s/,");
    EXPECT_EQ(settings.database, 12);
    EXPECT_TRUE(settings.is_tls);
    EXPECT_EQ(parse_url("redis://:secret@h").user, "");
}

TEST(RedisUrl, NamesTheSentinelsAndTheirGroup) {
    const Settings settings = parse_url("redis+sentinel://:secret@a,b:5000,[::1]/main/3");
    EXPECT_EQ(settings.kind, Kind::sentinel);
    EXPECT_THAT(settings.hosts, ElementsAre(Endpoint{"a", "26379"}, Endpoint{"b", "5000"}, Endpoint{"::1", "26379"}));
    EXPECT_EQ(settings.group, "main");
    EXPECT_EQ(settings.database, 3);
}

TEST(RedisUrl, NamesNodesOfACluster) {
    const Settings settings = parse_url("redis+cluster://a,b:7001");
    EXPECT_EQ(settings.kind, Kind::cluster);
    EXPECT_THAT(settings.hosts, ElementsAre(Endpoint{"a", "6379"}, Endpoint{"b", "7001"}));
}

TEST(RedisUrl, IsRefusedWithoutRepeatingItsPassword) {
    for (const char* url :
         {"", "redis", "redis://", "http://h", "redis+ring://h", "redis+://h", "redis://:hidden@",
          "redis://:hidden@h,i", "redis://hidden@h", "redis://:hidden@h:port", "redis://:hidden@h:70000",
          "redis://:hidden%4@h", "redis://:hidden@h/-1", "redis://:hidden@h/0x", "redis+sentinel://:hidden@h",
          "redis+sentinel://:hidden@h/", "redis+sentinel://:hidden@h,/main", "redis+cluster://:hidden@h/1",
          "redis://:hidden@[::1"}) {
        try {
            parse_url(url);
            ADD_FAILURE() << url;
        } catch (const std::invalid_argument& refusal) {
            EXPECT_EQ(std::string(refusal.what()).find("hidden"), std::string::npos) << refusal.what();
        }
    }
}

}  // namespace
}  // namespace guildhall::redis
