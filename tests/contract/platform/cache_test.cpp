#include "platform/cache/cache.hpp"

#include <functional>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/cache/memory.hpp"
#include "platform/cache/redis.hpp"
#include "support/await.hpp"
#include "support/manual_clock.hpp"
#include "support/redis.hpp"
#include "support/seen_within.hpp"

namespace guildhall::cache {
namespace {

using namespace std::chrono_literals;
using test::await;

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::chrono::milliseconds kBrief{300};

class CacheContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto reason = test::missing_redis(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
        if (is_memory_) {
            cache_ = make_memory_cache(clock_, kMaxBytes);
            return;
        }
        client_ = test::open_redis(test::redis_url(GetParam()));
        cache_ = make_redis_cache(*client_, test::own_prefix());
    }

    std::optional<std::string> get(std::string_view key) { return await(cache_->get(key)); }
    void set(std::string_view key, std::string value, std::chrono::milliseconds ttl = 1h) {
        await(cache_->set(key, std::move(value), ttl));
    }
    std::optional<std::int64_t> add(std::string_view key, std::int64_t by, std::chrono::milliseconds ttl = 1h) {
        return await(cache_->add(key, by, ttl));
    }
    // Checks repeatedly. The time of a server passes by itself, that of the memory cache with each check.
    bool comes(const std::function<bool()>& condition) {
        return test::wait_until([&] {
            if (is_memory_) clock_.advance(10ms);
            return condition();
        });
    }

    const bool is_memory_ = std::string_view(GetParam()) == "memory";
    test::ManualClock clock_{from_micros(1'795'364'460'000'000)};
    std::unique_ptr<redis::Client> client_;
    std::unique_ptr<Cache> cache_;
};

TEST_P(CacheContract, GivesWhatWasSet) {
    EXPECT_EQ(get("a"), std::nullopt);
    set("a", "1");
    set("empty", "");
    const std::string bytes("\0\xFF\n\"", 4);
    set("bytes", bytes);
    EXPECT_EQ(get("a"), "1");
    EXPECT_EQ(get("empty"), "");
    EXPECT_EQ(get("bytes"), bytes);
    set("a", "2");
    EXPECT_EQ(get("a"), "2");
}

TEST_P(CacheContract, TakesTheLongestKeyAndALargeValue) {
    const std::string key(200, 'k');
    const std::string value(20'000, 'v');
    set(key, value);
    EXPECT_EQ(get(key), value);
}

TEST_P(CacheContract, GivesManyInTheOrderOfTheirKeys) {
    set("a", "1");
    set("c", "3");
    const auto values = await(cache_->get_all({"a", "b", "c", "a"}));
    ASSERT_EQ(values.size(), 4U);
    EXPECT_EQ(values[0], "1");
    EXPECT_EQ(values[1], std::nullopt);
    EXPECT_EQ(values[2], "3");
    EXPECT_EQ(values[3], "1");
    EXPECT_TRUE(await(cache_->get_all({})).empty());
}

TEST_P(CacheContract, ForgetsWhatIsErased) {
    set("a", "1");
    await(cache_->erase("a"));
    await(cache_->erase("never there"));
    EXPECT_EQ(get("a"), std::nullopt);
}

TEST_P(CacheContract, ForgetsAfterTheTimeToLive) {
    set("prolonged", "3", kBrief);
    set("prolonged", "4", 1h);
    set("long", "2", 1h);
    set("never", "5", 0ms);
    const auto set_briefly = [&] {
        set("short", "1", kBrief);
        return get("short");
    };
    EXPECT_EQ(test::seen_within(kBrief, set_briefly), "1");
    EXPECT_TRUE(comes([&] { return !get("short"); }));
    EXPECT_EQ(get("long"), "2");
    EXPECT_EQ(get("prolonged"), "4");
    EXPECT_EQ(get("never"), std::nullopt);
}

TEST_P(CacheContract, CountsFromZeroForItsTimeToLive) {
    const auto count = [&] {
        await(cache_->erase("n"));
        return std::vector{add("n", 3, kBrief), add("n", -1, kBrief), add("n", 1, kBrief)};
    };
    EXPECT_THAT(test::seen_within(kBrief, count), testing::ElementsAre(3, 2, 3));
    // The first add() sets the lifetime; later ones do not extend it.
    EXPECT_TRUE(comes([&] { return add("n", 0, 1h) == 0; }));
    EXPECT_EQ(get("n"), "0");
}

TEST_P(CacheContract, CountsOfManyThreadsAllArrive) {
    constexpr int kThreads = 4;
    constexpr int kEach = 500;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([&] {
                for (int n = 0; n < kEach; ++n) add("hits", 1);
            });
        }
    }
    EXPECT_EQ(add("hits", 0), kThreads * kEach);
}

TEST_P(CacheContract, CountsOnInWhatWasSetAndOnlyThere) {
    set("n", "41");
    EXPECT_EQ(add("n", 1), 42);
    set("word", "many");
    EXPECT_EQ(add("word", 1), std::nullopt);
    EXPECT_EQ(get("word"), "many");
    EXPECT_EQ(add("most", std::numeric_limits<std::int64_t>::max()), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(add("most", -1), std::numeric_limits<std::int64_t>::max() - 1);  // more than a double can hold
    EXPECT_EQ(add("most", 2), std::nullopt);
    EXPECT_EQ(add("kept not at all", 5, 0ms), 5);
    EXPECT_EQ(get("kept not at all"), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(, CacheContract, testing::ValuesIn(test::kCacheEngines),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(MemoryCache, IsBoundedAndDropsTheLeastRecentlyUsed) {
    const test::ManualClock clock(from_micros(0));
    const auto cache = make_memory_cache(clock, kMaxBytes);
    await(cache->set("kept", "by use", 1h));
    for (int i = 0; i < 20'000; ++i) {
        await(cache->set("key" + std::to_string(i), std::string(100, 'x'), 1h));
        ASSERT_TRUE(await(cache->get("kept")));
    }
    std::size_t left = 0;
    for (int i = 0; i < 20'000; ++i) left += await(cache->get("key" + std::to_string(i))) ? 1 : 0;
    EXPECT_GT(left, 1000U);
    EXPECT_LE(left * 100, kMaxBytes);
}

// [F: wall clock used for durations]
TEST(MemoryCache, KeepsNothingForLongerWhenTheClockIsSetBack) {
    test::ManualClock clock(from_micros(1'795'364'460'000'000));
    const auto cache = make_memory_cache(clock, kMaxBytes);
    await(cache->set("a", "1", 5min));
    await(cache->add("b", 1, 5min));
    clock.advance(-1h);
    EXPECT_EQ(await(cache->get("a")), std::nullopt);
    EXPECT_EQ(await(cache->add("b", 1, 5min)), 1);
}

TEST(MemoryCache, DoesNotKeepWhatIsTooLarge) {
    const test::ManualClock clock(from_micros(0));
    const auto cache = make_memory_cache(clock, kMaxBytes);
    await(cache->set("a", "small", 1h));
    await(cache->set("a", std::string(kMaxBytes, 'x'), 1h));
    EXPECT_EQ(await(cache->get("a")), std::nullopt);
}

}  // namespace
}  // namespace guildhall::cache
