#include "services/user/secrets.hpp"

#include <set>

#include <gtest/gtest.h>

namespace guildhall::user {
namespace {

TEST(Secrets, CodesHaveEightCharactersThatDoNotLookAlike) {
    std::set<std::string> codes;
    for (int i = 0; i < 200; ++i) {
        const std::string code = make_code();
        EXPECT_EQ(code.size(), 8U);
        EXPECT_EQ(code.find_first_of("01IO"), std::string::npos) << code;
        codes.insert(code);
    }
    EXPECT_EQ(codes.size(), 200U);
}

TEST(Secrets, ACodeIsHashedAsItIsMeantAndForItsAddress) {
    EXPECT_EQ(hash_of_code("a@example.org", "abcd-efgh"), hash_of_code("a@example.org", " ABCD EFGH "));
    EXPECT_NE(hash_of_code("a@example.org", "ABCDEFGH"), hash_of_code("b@example.org", "ABCDEFGH"));
    EXPECT_NE(hash_of_code("a@example.org", "ABCDEFGH"), hash_of_code("a@example.org", "ABCDEFGJ"));
}

// [U4]
TEST(Secrets, ASuccessorNeedsTheTokenAndTheSalt) {
    const std::string token = make_token();
    const std::string salt = make_token();
    EXPECT_EQ(successor_of(token, salt), successor_of(token, salt));
    EXPECT_NE(successor_of(token, salt), successor_of(token, make_token()));
    EXPECT_NE(successor_of(token, salt), successor_of(make_token(), salt));
    EXPECT_EQ(successor_of(token, salt).size(), token.size());
}

TEST(Secrets, AClientIsKnownByItsDeviceAndItsNetwork) {
    EXPECT_EQ(marks_of("", "").device, "");
    EXPECT_EQ(marks_of("", "").network, "");
    EXPECT_EQ(marks_of("", "2001:db8:1:2::1").network, marks_of("", "2001:db8:1:2:ffff::9").network);
    EXPECT_NE(marks_of("", "2001:db8:1:2::1").network, marks_of("", "2001:db8:1:3::1").network);
    EXPECT_NE(marks_of("", "192.0.2.1").network, marks_of("", "192.0.2.2").network);
    EXPECT_NE(marks_of("192.0.2.1", "").device, marks_of("", "192.0.2.1").network);
}

}  // namespace
}  // namespace guildhall::user
