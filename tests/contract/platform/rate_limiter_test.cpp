#include "platform/http/rate_limiter.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "platform/http/redis_rate_limiter.hpp"
#include "support/await.hpp"
#include "support/manual_clock.hpp"
#include "support/redis.hpp"

namespace guildhall::http {
namespace {

using namespace std::chrono_literals;
using test::await;

class RateLimiterContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto reason = test::missing_redis(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
        if (!is_memory_) client_ = test::open_redis(test::redis_url(GetParam()));
        // Refills one per 3 s, 2 s and 7200 s: no test takes as long as the last.
        limiter_ = make({{{4, 12s}, {2, 4s}, {50, 360'000s}}});
    }
    std::unique_ptr<RateLimiter> make(RateLimiter::Limits limits) {
        if (is_memory_) return std::make_unique<MemoryRateLimiter>(limits, clock_);
        return make_redis_rate_limiter(*client_, prefix_, limits, clock_);
    }
    RateDecision take(RateClass rate_class, std::string_view key) { return await(limiter_->take(rate_class, key)); }
    void pass(std::chrono::milliseconds time) {
        if (is_memory_) return clock_.advance(time);
        std::this_thread::sleep_for(time);
    }

    const bool is_memory_ = std::string_view(GetParam()) == "memory";
    const std::string prefix_ = test::own_prefix();
    test::ManualClock clock_{from_micros(1'795'364'460'000'000)};
    std::unique_ptr<redis::Client> client_;
    std::unique_ptr<RateLimiter> limiter_;
};

TEST_P(RateLimiterContract, AllowsTheLimitAndSaysWhatIsLeft) {
    for (int left = 49; left >= 0; --left) {
        const RateDecision decision = take(RateClass::auth, "a");
        EXPECT_TRUE(decision.allowed);
        EXPECT_EQ(decision.remaining, left);
        EXPECT_NEAR(decision.reset.count(), 7200 * (50 - left), 10);
    }
    const RateDecision refused = take(RateClass::auth, "a");
    EXPECT_FALSE(refused.allowed);
    EXPECT_EQ(refused.remaining, 0);
    EXPECT_NEAR(refused.reset.count(), 7200, 10);
}

TEST_P(RateLimiterContract, CountsEachKeyAndEachClassForItself) {
    const std::string bytes("\0\1\2\3\4\5\6\7", 8);
    for (const std::string& key : {std::string("192.0.2.1"), bytes, std::string()}) {
        for (int i = 0; i < 4; ++i) EXPECT_TRUE(take(RateClass::read, key).allowed);
        EXPECT_FALSE(take(RateClass::read, key).allowed);
        EXPECT_TRUE(take(RateClass::auth, key).allowed);
    }
}

// [F: wall clock used for durations]
TEST_P(RateLimiterContract, IsNotStuckWhenTheClockIsSetBack) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(take(RateClass::read, "a").allowed);
    if (is_memory_) {
        clock_.advance(-std::chrono::hours(1));
    } else {
        // The clock of Redis cannot be set, so the bucket is: it is full in the year 2200.
        await(client_->run(redis::Command("SET").key(prefix_ + "read:a").argument("7258118400000000")));
    }
    const RateDecision decision = take(RateClass::read, "a");
    EXPECT_TRUE(decision.allowed);
    EXPECT_EQ(decision.remaining, 3);
}

TEST_P(RateLimiterContract, RefillsEvenlyAndARefusedCallCostsNothing) {
    EXPECT_TRUE(take(RateClass::write, "a").allowed);
    EXPECT_TRUE(take(RateClass::write, "a").allowed);
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(take(RateClass::write, "a").allowed);
    pass(2200ms);
    EXPECT_TRUE(take(RateClass::write, "a").allowed);
    EXPECT_FALSE(take(RateClass::write, "a").allowed);
    pass(4200ms);
    EXPECT_TRUE(take(RateClass::write, "a").allowed);
    EXPECT_TRUE(take(RateClass::write, "a").allowed);
}

TEST_P(RateLimiterContract, ManyAtOnceGetNoMoreThanTheLimit) {
    std::atomic<int> allowed{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (int n = 0; n < 25; ++n) allowed += take(RateClass::auth, "a").allowed ? 1 : 0;
            });
        }
    }
    EXPECT_EQ(allowed, 50);
}

// [X3]
TEST_P(RateLimiterContract, AllProcessesCountTogether) {
    if (is_memory_) return;  // there is one process only
    const auto client = test::open_redis(test::redis_url(GetParam()));
    const auto other = make_redis_rate_limiter(*client, prefix_, {{{4, 12s}, {2, 4s}, {50, 360'000s}}}, clock_);
    for (int i = 0; i < 25; ++i) EXPECT_TRUE(take(RateClass::auth, "a").allowed);
    for (int i = 24; i >= 0; --i) EXPECT_EQ(await(other->take(RateClass::auth, "a")).remaining, i);
    EXPECT_FALSE(take(RateClass::auth, "a").allowed);
}

INSTANTIATE_TEST_SUITE_P(, RateLimiterContract, testing::ValuesIn(test::kCacheEngines),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace guildhall::http
