#include "platform/base/log.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace guildhall {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Log, WritesOneEscapedJsonObjectALine) {
    const auto before = spdlog::default_logger();
    testing::internal::CaptureStderr();
    set_up_log("info", true);
    spdlog::info("a \"quoted\" \\ line\nbreak \x01 bad \xFF byte");
    spdlog::debug("not shown");
    const std::string line = testing::internal::GetCapturedStderr();
    spdlog::set_default_logger(before);
    EXPECT_THAT(line, StartsWith(R"({"time":"2)"));
    EXPECT_THAT(line, HasSubstr(R"(Z","level":"info","msg":")"));
    EXPECT_THAT(line, EndsWith("\"a \\\"quoted\\\" \\\\ line\\nbreak \\u0001 bad \xEF\xBF\xBD byte\"}\n"));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(Log, RefusesAnUnknownLevel) { EXPECT_THROW(set_up_log("loud", true), std::invalid_argument); }

}  // namespace
}  // namespace guildhall
