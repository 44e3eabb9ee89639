#include "services/user/handle.hpp"

#include <set>

#include <gtest/gtest.h>

namespace guildhall::user {
namespace {

TEST(HandleFromName, IsTheNameInPlainLettersWithHyphens) {
    EXPECT_EQ(handle_from_name("Žofie Nováková"), "zofie-novakova");
    EXPECT_EQ(handle_from_name("  J. R. R.  Tolkien "), "j-r-r-tolkien");
    EXPECT_EQ(handle_from_name("O'Neill"), "o-neill");
}

TEST(HandleFromName, IsMemberWhenTheNameGivesTooLittle) {
    EXPECT_EQ(handle_from_name("数学"), "member");
    EXPECT_EQ(handle_from_name("Al"), "member");
    EXPECT_EQ(handle_from_name("👩‍🔬"), "member");
}

TEST(HandleFromName, LeavesRoomForANumber) {
    const auto handle = handle_from_name("Hubert Blaine Wolfeschlegelsteinhausenbergerdorff");
    EXPECT_LE(handle.size(), 20U);
    EXPECT_FALSE(handle.ends_with('-'));
}

TEST(HandleFromName, IsNeverAReservedWord) {
    EXPECT_FALSE(is_reserved(handle_from_name("Admin")));
    EXPECT_EQ(handle_from_name("Admin"), "admin-member");
}

TEST(ReservedHandle, AreTheWordsOfTheApi) {
    for (const auto* word : {"me", "admin", "api", "by-handle", "users", "www"}) EXPECT_TRUE(is_reserved(word)) << word;
    EXPECT_FALSE(is_reserved("ada"));
}

TEST(NumberedHandle, GrowsItsNumberAndStaysWithinThirtyCharacters) {
    const std::string longest(30, 'x');
    for (int attempt = 0; attempt < 10; ++attempt) {
        const auto handle = numbered_handle(longest, attempt);
        EXPECT_LE(handle.size(), 30U);
        EXPECT_TRUE(handle.starts_with("xxx"));
    }
    EXPECT_EQ(numbered_handle("jane", 0).size(), std::string("jane-12").size());
    EXPECT_EQ(numbered_handle("jane", 1).size(), std::string("jane-1234").size());
}

TEST(NumberedHandle, NeverPutsTwoHyphensTogether) {
    const std::string handle = "abcdefghijklmnopqrstuvwxyz-bcd";  // cut behind its hyphen by a two-digit number
    EXPECT_EQ(numbered_handle(handle, 0).find("--"), std::string::npos);
}

}  // namespace
}  // namespace guildhall::user
