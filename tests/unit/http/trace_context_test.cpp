#include "platform/http/trace_context.hpp"

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

constexpr std::string_view kIncoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

TEST(Traceparent, ContinuesTheTraceWithItsOwnSpan) {
    const std::string next = next_traceparent(kIncoming);
    ASSERT_EQ(next.size(), kIncoming.size());
    EXPECT_EQ(next.substr(0, 36), kIncoming.substr(0, 36));
    EXPECT_NE(next.substr(36, 16), kIncoming.substr(36, 16));
    EXPECT_EQ(next.substr(52), kIncoming.substr(52));
}

TEST(Traceparent, BeginsANewTraceWhenThereIsNoValidOne) {
    for (const std::string broken : {"", "00-", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
                                     "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-00",
                                     "00-00000000000000000000000000000000-b7ad6b7169203331-00",
                                     "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00",
                                     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x"}) {
        const std::string next = next_traceparent(broken);
        EXPECT_EQ(next_traceparent(next).substr(0, 36), next.substr(0, 36)) << next << " is not valid";
        EXPECT_EQ(broken.find(next.substr(3, 32)), std::string::npos);
        EXPECT_TRUE(next.ends_with("-01"));
    }
}

}  // namespace
}  // namespace guildhall::http
