#include "platform/cache/loader.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "platform/async/task_group.hpp"
#include "platform/base/result.hpp"
#include "platform/cache/memory.hpp"
#include "platform/cache/redis.hpp"
#include "support/await.hpp"
#include "support/redis.hpp"
#include "support/seen_within.hpp"

namespace guildhall::cache {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::wait_until;

// Two loaders stand for two processes that share the cache.
class LoaderContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto reason = test::missing_redis(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
        if (is_memory_) {
            cache_ = make_memory_cache(manual_, 1 << 20);
        } else {
            client_ = test::open_redis(test::redis_url(GetParam()));
            cache_ = make_redis_cache(*client_, test::own_prefix());
        }
        use({.ttl = 1h});
    }
    void use(Loader::Options options) {
        const Clock& clock = is_memory_ ? static_cast<const Clock&>(manual_) : system_;
        here_ = std::make_unique<Loader>(*cache_, clock, options);
        there_ = std::make_unique<Loader>(*cache_, clock, options);
    }
    // Gives "value N" of the N-th computation, after `takes`.
    Loader::Load computing(std::chrono::milliseconds takes = 0ms) {
        return [this, takes]() -> Task<std::string> {
            const int number = ++computed_;
            if (takes > 0ms) co_await sleep_for(takes);
            co_return "value " + std::to_string(number);
        };
    }
    /// Ends when it may.
    Loader::Load computing_until(const std::atomic<bool>& may_end) {
        return [this, &may_end]() -> Task<std::string> {
            ++computed_;
            while (!may_end) co_await sleep_for(5ms);
            co_return "late";
        };
    }
    std::string get(Loader& loader, Loader::Load load) { return await(loader.get("key", std::move(load))); }
    static Task<std::string> fail() { throw Unavailable("the truth is away"); }
    void pass(std::chrono::milliseconds time) {
        if (is_memory_) return manual_.advance(time);
        std::this_thread::sleep_for(time);
    }

    const bool is_memory_ = std::string_view(GetParam()) == "memory";
    ManualClock manual_{from_micros(1'795'364'460'000'000)};
    SystemClock system_;
    std::unique_ptr<redis::Client> client_;
    std::unique_ptr<Cache> cache_;
    std::unique_ptr<Loader> here_;
    std::unique_ptr<Loader> there_;
    std::atomic<int> computed_{0};
};

// [X26]
TEST_P(LoaderContract, OneComputesForAllWhoMissAtOnceInAllProcesses) {
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 12; ++i) {
            threads.emplace_back([&, i] {
                if (get(i % 2 == 0 ? *here_ : *there_, computing(100ms)) != "value 1") ++wrong;
            });
        }
    }
    EXPECT_EQ(computed_, 1);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(get(*there_, computing()), "value 1");
}

TEST_P(LoaderContract, KeepsAnyBytesForTheirTime) {
    use({.ttl = 500ms});
    const std::string bytes("\0V\xFFL\0", 5);
    const auto load = [&]() -> Task<std::string> {
        ++computed_;
        co_return bytes;
    };
    const auto get_twice = [&] {
        await(here_->invalidate("key"));
        computed_ = 0;
        EXPECT_EQ(get(*here_, load), bytes);
        EXPECT_EQ(get(*there_, load), bytes);
        return computed_.load();
    };
    EXPECT_EQ(test::seen_within(500ms, get_twice), 1);
    pass(600ms);
    computed_ = 0;
    EXPECT_EQ(get(*there_, load), bytes);
    EXPECT_EQ(computed_, 1);
}

TEST_P(LoaderContract, AFailureReachesThoseWhoWaitAndIsNotKept) {
    std::atomic<int> failed{0};
    std::atomic<int> started{0};
    const auto failing = [&]() -> Task<std::string> {
        ++started;
        co_await sleep_for(200ms);
        throw Unavailable("the truth is away");
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                try {
                    get(*here_, failing);
                } catch (const Unavailable&) {
                    ++failed;
                }
            });
        }
    }
    EXPECT_EQ(failed, 4);
    EXPECT_LE(started, 4);
    EXPECT_EQ(get(*there_, computing()), "value 1");
}

TEST_P(LoaderContract, WhatWasComputedBeforeAnInvalidationIsNotKept) {
    for (Loader* invalidating : {here_.get(), there_.get()}) {
        await(here_->invalidate("key"));
        computed_ = 0;
        std::jthread early([&] { get(*here_, computing(200ms)); });
        ASSERT_TRUE(wait_until([&] { return computed_ == 1; }));
        await(invalidating->invalidate("key"));
        EXPECT_EQ(get(*there_, computing()), "value 2");
        early.join();
        EXPECT_EQ(get(*here_, computing()), "value 2");
        EXPECT_EQ(get(*there_, computing()), "value 2");
    }
}

TEST_P(LoaderContract, WhoAsksAfterAnInvalidationDoesNotWaitForTheOldValue) {
    std::jthread early([&] { get(*here_, computing(300ms)); });
    ASSERT_TRUE(wait_until([&] { return computed_ == 1; }));
    await(here_->invalidate("key"));
    EXPECT_EQ(get(*here_, computing()), "value 2");
}

TEST_P(LoaderContract, AStaleValueIsServedWhileOneComputesTheNext) {
    use({.ttl = 200ms, .stale_for = 1h});
    EXPECT_EQ(get(*here_, computing()), "value 1");
    pass(300ms);
    std::string next;
    std::atomic<bool> may_end{false};
    const auto slow = computing_until(may_end);
    std::jthread computing_next([&] { next = get(*here_, slow); });
    ASSERT_TRUE(wait_until([&] { return computed_ == 2; }));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(get(i % 2 == 0 ? *here_ : *there_, computing()), "value 1");
    may_end = true;
    computing_next.join();
    EXPECT_EQ(next, "late");
    EXPECT_EQ(computed_, 2);
    EXPECT_NE(get(*there_, computing()), "value 1");
}

TEST_P(LoaderContract, AStaleValueIsServedWhileTheTruthIsAwayButNotForEver) {
    use({.ttl = 100ms, .stale_for = 2900ms, .lease = 10ms});
    EXPECT_EQ(get(*here_, computing()), "value 1");
    pass(200ms);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(get(*there_, fail), "value 1");
    pass(3000ms);
    EXPECT_THROW(get(*there_, fail), Unavailable);
}

TEST_P(LoaderContract, TheWaitForAnotherProcessIsBounded) {
    use({.ttl = 1h, .wait = 200ms});
    std::atomic<bool> may_end{false};
    const auto endless = computing_until(may_end);
    std::jthread other([&] { get(*there_, endless); });
    ASSERT_TRUE(wait_until([&] { return computed_ == 1; }));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(get(*here_, computing()), "value 2");
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(took, 150ms);
    EXPECT_LT(took, 10s);
    may_end = true;
}

TEST_P(LoaderContract, TheWaitInTheSameProcessIsBoundedToo) {
    use({.ttl = 1h, .wait = 200ms});
    std::atomic<bool> may_end{false};
    const auto endless = computing_until(may_end);
    std::jthread other([&] { get(*here_, endless); });
    ASSERT_TRUE(wait_until([&] { return computed_ == 1; }));
    EXPECT_EQ(get(*here_, computing()), "value 2");
    may_end = true;
}

INSTANTIATE_TEST_SUITE_P(, LoaderContract, testing::ValuesIn(test::kCacheEngines),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Loader, ComputesOnceForThoseWhoWaitTogetherWhileTheCacheIsAway) {
    // Nobody listens there.
    redis::Client client(redis::parse_url("redis://127.0.0.1:1"));
    const auto cache = make_redis_cache(client, "away:");
    const SystemClock clock;
    Loader loader(*cache, clock, {.ttl = 1h});
    std::atomic<int> computed{0};
    std::atomic<int> wrong{0};
    const auto load = [&]() -> Task<std::string> {
        ++computed;
        co_await sleep_for(1s);
        co_return "value";
    };
    const auto get = [&] { return await(loader.get("key", load)); };
    EXPECT_EQ(get(), "value");  // and the client knows by now that nobody is there
    computed = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 6; ++i) threads.emplace_back([&] { wrong += get() == "value" ? 0 : 1; });
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(computed, 2);
}

}  // namespace
}  // namespace guildhall::cache
