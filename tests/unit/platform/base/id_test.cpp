#include "platform/base/id.hpp"

#include <algorithm>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/manual_clock.hpp"

namespace guildhall {
namespace {

const Time kStart = *parse_rfc3339("2026-11-22T16:21:00.123Z");

TEST(IdGenerator, HoldsTheTime) {
    const test::ManualClock clock(kStart);
    IdGenerator ids(clock, 3);
    EXPECT_EQ(time_of_id(ids.next_value()), kStart);
}

TEST(IdGenerator, IncreasesAlsoWhenTheClockStepsBack) {
    test::ManualClock clock(kStart);
    IdGenerator ids(clock, 3);
    std::int64_t last = 0;
    for (int i = 0; i < 10'000; ++i) {  // more than a millisecond holds
        if (i % 100 == 0) clock.advance(std::chrono::milliseconds(i % 200 == 0 ? -5000 : 20));
        const std::int64_t next = ids.next_value();
        ASSERT_GT(next, last);
        last = next;
    }
}

TEST(IdGenerator, IsUniqueOverThreadsAndNodes) {
    const test::ManualClock clock(kStart);
    IdGenerator first(clock, 1);
    IdGenerator second(clock, 2);
    constexpr int kThreads = 4;
    constexpr std::size_t kEach = 20'000;
    std::vector<std::vector<std::int64_t>> made(kThreads);
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([&, i] {
                IdGenerator& ids = i % 2 == 0 ? first : second;
                for (std::size_t n = 0; n < kEach; ++n) made[i].push_back(ids.next_value());
            });
        }
    }
    std::vector<std::int64_t> all;
    for (const auto& some : made) {
        EXPECT_TRUE(std::ranges::is_sorted(some));
        all.insert(all.end(), some.begin(), some.end());
    }
    std::ranges::sort(all);
    EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
    EXPECT_EQ(all.size(), kThreads * kEach);
    EXPECT_GT(all.front(), 0);
}

TEST(IdGenerator, MakesNoIdsWithoutANodeOrAfterItsEnd) {
    test::ManualClock clock(kStart);
    IdGenerator ids(clock);
    ids.refuse_with(Code::insufficient_storage);
    const auto refusal = [&]() -> std::optional<Code> {
        try {
            ids.next_value();
        } catch (const Unavailable& reason) {
            return reason.code;
        }
        return std::nullopt;
    };
    EXPECT_EQ(refusal(), Code::insufficient_storage);
    ids.use(7, kStart + std::chrono::minutes(1));
    EXPECT_EQ(refusal(), std::nullopt);
    clock.advance(std::chrono::minutes(1));
    EXPECT_TRUE(refusal().has_value());
    ids.use(7, kStart + std::chrono::minutes(2));
    EXPECT_EQ(refusal(), std::nullopt);
}

TEST(IdGenerator, FirstIdAtBoundsTheIdsOfATime) {
    test::ManualClock clock(kStart);
    IdGenerator before(clock, 1023);
    const std::int64_t earlier = before.next_value();
    clock.advance(std::chrono::milliseconds(1));
    IdGenerator after(clock, 0);
    const std::int64_t later = after.next_value();
    EXPECT_GT(first_id_at(clock.now()), earlier);
    EXPECT_LE(first_id_at(clock.now()), later);
}

}  // namespace
}  // namespace guildhall
