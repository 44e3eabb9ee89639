#include "platform/cache/cache.hpp"

#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "platform/cache/memory.hpp"
#include "support/await.hpp"

namespace guildhall::cache {
namespace {

using namespace std::chrono_literals;
using test::await;

constexpr std::size_t kMaxBytes = 1 << 20;

// One implementation, and how time passes for it.
struct Instance {
    const char* name;
    std::function<std::unique_ptr<Cache>(const Clock&)> make;
    std::function<void(ManualClock&, std::chrono::milliseconds)> pass;
};

const Instance kMemory{"memory", [](const Clock& clock) { return make_memory_cache(clock, kMaxBytes); },
                       [](ManualClock& clock, std::chrono::milliseconds time) { clock.advance(time); }};

class CacheContract : public testing::TestWithParam<Instance> {
protected:
    std::optional<std::string> get(std::string_view key) { return await(cache_->get(key)); }
    void set(std::string_view key, std::string value, std::chrono::milliseconds ttl = 1h) {
        await(cache_->set(key, std::move(value), ttl));
    }
    std::optional<std::int64_t> add(std::string_view key, std::int64_t by, std::chrono::milliseconds ttl = 1h) {
        return await(cache_->add(key, by, ttl));
    }
    void pass(std::chrono::milliseconds time) { GetParam().pass(clock_, time); }

    ManualClock clock_{from_micros(1'795'364'460'000'000)};
    std::unique_ptr<Cache> cache_ = GetParam().make(clock_);
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
    set("short", "1", 50ms);
    set("long", "2", 1h);
    set("prolonged", "3", 50ms);
    set("prolonged", "4", 1h);
    set("never", "5", 0ms);
    EXPECT_EQ(get("short"), "1");
    pass(60ms);
    EXPECT_EQ(get("short"), std::nullopt);
    EXPECT_EQ(get("long"), "2");
    EXPECT_EQ(get("prolonged"), "4");
    EXPECT_EQ(get("never"), std::nullopt);
}

TEST_P(CacheContract, CountsFromZeroForItsTimeToLive) {
    EXPECT_EQ(add("n", 3, 100ms), 3);
    EXPECT_EQ(add("n", -1, 100ms), 2);
    pass(60ms);
    EXPECT_EQ(add("n", 1, 100ms), 3);
    pass(60ms);  // the first add decides
    EXPECT_EQ(add("n", 1, 100ms), 1);
    EXPECT_EQ(get("n"), "1");
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

INSTANTIATE_TEST_SUITE_P(, CacheContract, testing::Values(kMemory),
                         [](const auto& instance) { return instance.param.name; });

TEST(MemoryCache, IsBoundedAndDropsTheLeastRecentlyUsed) {
    const ManualClock clock(from_micros(0));
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

TEST(MemoryCache, DoesNotKeepWhatIsTooLarge) {
    const ManualClock clock(from_micros(0));
    const auto cache = make_memory_cache(clock, kMaxBytes);
    await(cache->set("a", "small", 1h));
    await(cache->set("a", std::string(kMaxBytes, 'x'), 1h));
    EXPECT_EQ(await(cache->get("a")), std::nullopt);
}

}  // namespace
}  // namespace guildhall::cache
