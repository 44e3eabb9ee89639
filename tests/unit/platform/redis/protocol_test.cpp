#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "platform/redis/command.hpp"
#include "platform/redis/reply.hpp"

namespace guildhall::redis {
namespace {

using namespace std::string_literals;

std::string bytes_of(const Command& command) {
    std::string bytes;
    command.append_to(bytes);
    return bytes;
}

TEST(RedisCommand, IsWrittenWithItsLengths) {
    Command command("SET");
    command.key("k").argument(std::string_view("a\0\r\n", 4)).argument("").argument(-50);
    EXPECT_EQ(bytes_of(command), "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n$3\r\n-50\r\n"s);
}

TEST(RedisCommand, GoesToTheSlotOfItsKey) {
    // Source: Redis Cluster specification, Appendix A, and `CLUSTER KEYSLOT` of Redis 7.0.
    EXPECT_EQ(slot_of("123456789"), 12739);
    EXPECT_EQ(slot_of("foo"), 12182);
    EXPECT_EQ(slot_of(""), 0);
    EXPECT_EQ(slot_of("{foo}.bar"), slot_of("foo"));
    EXPECT_EQ(slot_of("x{foo}{bar}"), slot_of("foo"));
    EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
    EXPECT_NE(slot_of("{}foo"), slot_of("foo"));
    EXPECT_NE(slot_of("{foo"), slot_of("foo"));
    EXPECT_EQ(Command("GET").key("foo").slot(), 12182);
    EXPECT_EQ(Command("PING").slot(), Command::kNoSlot);
}

TEST(RedisScript, IsKnownByItsHash) {
    EXPECT_EQ(Script("return 1").hash(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

TEST(RedisReader, ReadsEachKindOfAnswerByteByByte) {
    const std::string bytes =
        "+OK\r\n-ERR no such thing\r\n:-12\r\n$-1\r\n$4\r\n\0\r\nx\r\n*3\r\n:1\r\n*1\r\n$1\r\na\r\n*-1\r\n*0\r\n"s;
    Reader reader;
    std::vector<Reply> replies;
    for (const char byte : bytes) {
        reader.feed({&byte, 1});
        while (auto reply = reader.next()) replies.push_back(std::move(*reply));
    }
    ASSERT_EQ(replies.size(), 7U);
    EXPECT_EQ(replies[0].kind, Reply::Kind::status);
    EXPECT_EQ(replies[0].text, "OK");
    EXPECT_TRUE(replies[1].is_error("ERR"));
    EXPECT_FALSE(replies[1].is_error("ER"));
    EXPECT_EQ(replies[2].integer, -12);
    EXPECT_EQ(replies[3].kind, Reply::Kind::nil);
    EXPECT_EQ(replies[4].text, std::string("\0\r\nx", 4));
    ASSERT_EQ(replies[5].elements.size(), 3U);
    EXPECT_EQ(replies[5].elements[1].elements.at(0).text, "a");
    EXPECT_EQ(replies[5].elements[2].kind, Reply::Kind::nil);
    EXPECT_EQ(replies[6].kind, Reply::Kind::array);
    EXPECT_TRUE(replies[6].elements.empty());
}

TEST(RedisReader, RefusesWhatIsNotTheProtocol) {
    for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n", "*2000000\r\n", "*1\r\n*x\r\n", "$abc\r\n"}) {
        Reader reader;
        reader.feed(bytes);
        EXPECT_THROW(reader.next(), Unavailable) << bytes;
    }
}

TEST(RedisReader, FreesAnAnswerThatNeverBecameWhole) {
    Reader reader;
    reader.feed("*3\r\n$1\r\na\r\n*2\r\n:1\r\n");
    EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace guildhall::redis
