#include "platform/base/clock.hpp"

#include <gtest/gtest.h>

namespace guildhall {
namespace {

Time at(std::int64_t micros) { return from_micros(micros); }

TEST(Rfc3339, WritesMillisecondsInUtc) {
    EXPECT_EQ(to_rfc3339(at(0)), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(at(1'795'364'460'123'999)), "2026-11-22T16:21:00.123Z");
    EXPECT_EQ(to_rfc3339(at(951'782'399'999'999)), "2000-02-28T23:59:59.999Z");
    EXPECT_EQ(to_rfc3339(at(951'782'400'000'000)), "2000-02-29T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(at(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, ReadsWhatItWrites) {
    for (const std::int64_t millis : {0LL, -1LL, 951'782'400'000LL, 1'795'364'460'123LL, 253'402'300'799'999LL}) {
        const Time time = at(millis * 1000);
        const auto read = parse_rfc3339(to_rfc3339(time));
        ASSERT_TRUE(read) << millis;
        EXPECT_EQ(*read, time) << millis;
    }
}

TEST(Rfc3339, ReadsOffsetsAndFractions) {
    const Time noon = *parse_rfc3339("2026-11-22T12:00:00Z");
    EXPECT_EQ(*parse_rfc3339("2026-11-22T17:30:00+05:30"), noon);
    EXPECT_EQ(*parse_rfc3339("2026-11-21T22:00:00-14:00"), noon);
    EXPECT_EQ(*parse_rfc3339("2026-11-22t12:00:00z"), noon);
    EXPECT_EQ(*parse_rfc3339("2026-11-22T12:00:00-00:00"), noon);
    EXPECT_EQ(*parse_rfc3339("2026-11-22T12:00:00.5Z"), noon + std::chrono::milliseconds(500));
    EXPECT_EQ(*parse_rfc3339("2026-11-22T12:00:00.123456789Z"), noon + std::chrono::microseconds(123'456));
    EXPECT_EQ(*parse_rfc3339("2016-12-31T23:59:60Z"), *parse_rfc3339("2017-01-01T00:00:00Z"));
    EXPECT_EQ(*parse_rfc3339("2016-12-31T15:59:60-08:00"), *parse_rfc3339("2017-01-01T00:00:00Z"));
}

TEST(Rfc3339, RefusesEverythingElse) {
    for (const char* text : {"",
                             "2026",
                             "2026-11-22",
                             "2026-11-22T12:00:00",
                             "2026-11-22 12:00:00Z",
                             "2026-11-22T12:00Z",
                             "2026-11-22T12:00:00.Z",
                             "2026-02-29T00:00:00Z",
                             "2026-13-01T00:00:00Z",
                             "2026-00-10T00:00:00Z",
                             "2026-04-31T00:00:00Z",
                             "2026-11-22T24:00:00Z",
                             "2026-11-22T12:60:00Z",
                             "2026-11-22T12:00:61Z",
                             "2026-11-22T12:00:60Z",
                             "2026-11-22T12:00:00+0100",
                             "2026-11-22T12:00:00+24:00",
                             "2026-11-22T12:00:00Zjunk",
                             "+2026-11-22T12:00:00Z",
                             "-026-11-22T12:00:00Z"}) {
        const auto read = parse_rfc3339(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code, Code::invalid);
    }
}

}  // namespace
}  // namespace guildhall
