#include "platform/cache/local.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "platform/base/id.hpp"

namespace guildhall::cache {
namespace {

using Numbers = Local<int, std::string>;

Numbers::Pointer value(const char* text) { return std::make_shared<const std::string>(text); }

TEST(LocalCache, GivesWhatWasPut) {
    Numbers cache(100);
    EXPECT_EQ(cache.find(1), nullptr);
    cache.put(1, value("one"), cache.ticket(1));
    ASSERT_NE(cache.find(1), nullptr);
    EXPECT_EQ(*cache.find(1), "one");
    cache.put(1, value("uno"), cache.ticket(1));
    EXPECT_EQ(*cache.find(1), "uno");
}

TEST(LocalCache, DropsAStalePutAfterAnInvalidation) {
    Numbers cache(100);
    const auto ticket = cache.ticket(1);  // the reader now reads the old value
    cache.invalidate(1);                  // the writer has committed
    cache.put(1, value("old"), ticket);
    EXPECT_EQ(cache.find(1), nullptr);
    cache.put(1, value("new"), cache.ticket(1));
    EXPECT_NE(cache.find(1), nullptr);
}

TEST(LocalCache, DropsAStalePutAfterAClear) {
    Numbers cache(100);
    const auto ticket = cache.ticket(1);
    cache.clear();
    cache.put(1, value("old"), ticket);
    EXPECT_EQ(cache.find(1), nullptr);
}

TEST(LocalCache, IsReadWhileAClearFreesItsValues) {
    struct Slow {
        explicit Slow(std::function<void()> at_end) : on_end(std::move(at_end)) {}
        ~Slow() { on_end(); }
        Slow(const Slow&) = delete;
        Slow& operator=(const Slow&) = delete;
        std::function<void()> on_end;
    };
    Local<int, Slow> cache(100);
    bool was_read = false;
    std::future<void> reading;
    auto read_meanwhile = [&] {
        reading = std::async(std::launch::async, [&cache] { cache.find(1); });
        was_read = reading.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    };
    cache.put(1, std::make_shared<const Slow>(read_meanwhile), cache.ticket(1));
    cache.clear();
    EXPECT_TRUE(was_read);
}

TEST(LocalCache, GivesAndTakesNothingWhileItIsNotLive) {
    struct Kept : Retirable {};
    std::atomic<bool> is_live{true};
    Local<int, Kept> cache(100, [](const Kept&) -> std::size_t { return 1; }, is_live);
    cache.put(1, std::make_shared<const Kept>(), cache.ticket(1));
    const auto ticket = cache.ticket(2);
    is_live = false;
    EXPECT_EQ(cache.find(1), nullptr);
    cache.clear();
    const auto refused = std::make_shared<const Kept>();
    cache.put(2, refused, ticket);
    cache.put(3, refused, cache.ticket(3));
    EXPECT_FALSE(refused->is_current());
    is_live = true;
    for (int key = 1; key <= 3; ++key) EXPECT_EQ(cache.find(key), nullptr);
}

TEST(LocalCache, IsBoundedAndKeepsWhatIsUsed) {
    Numbers cache(160);
    cache.put(0, value("used"), cache.ticket(0));
    for (int i = 1; i < 10'000; ++i) {
        cache.put(i, value("x"), cache.ticket(i));
        ASSERT_NE(cache.find(0), nullptr);
    }
    int left = 0;
    for (int i = 0; i < 10'000; ++i) left += cache.find(i) != nullptr;
    EXPECT_LE(left, 160 + 16);
}

TEST(LocalCache, IsBoundedByWeight) {
    Numbers cache(16'000, [](const std::string& text) { return text.size(); });
    for (int i = 0; i < 1'000; ++i) cache.put(i, std::make_shared<const std::string>(500, 'x'), cache.ticket(i));
    int left = 0;
    for (int i = 0; i < 1'000; ++i) left += cache.find(i) != nullptr;
    EXPECT_GE(left, 16);
    EXPECT_LE(left, 16'000 / 500 + 16);
}

TEST(LocalCache, HoldsAsManyIdsAsItMayWhateverTheirLowBitsAre) {
    Local<UserId, int> cache(1'600);
    const auto id = [](std::int64_t millisecond) { return UserId{millisecond << 22}; };
    for (int i = 0; i < 1'000; ++i) cache.put(id(i), std::make_shared<const int>(i), cache.ticket(id(i)));
    int left = 0;
    for (int i = 0; i < 1'000; ++i) left += cache.find(id(i)) != nullptr;
    EXPECT_EQ(left, 1'000);
}

TEST(LocalCache, StaysSmallWhileOneKeyIsPutAndInvalidated) {
    // The obsolete place that an invalidation leaves must not evict the later value.
    Numbers cache(32);
    for (int i = 0; i < 10'000; ++i) {
        cache.put(1, value("x"), cache.ticket(1));
        cache.invalidate(1);
    }
    cache.put(1, value("last"), cache.ticket(1));
    ASSERT_NE(cache.find(1), nullptr);
    EXPECT_EQ(*cache.find(1), "last");
}

struct Kept : Retirable {};

TEST(LocalCache, TellsAValueThatItLeft) {
    Local<int, Kept> cache(16);
    const auto put = [&](int key) {
        auto kept = std::make_shared<const Kept>();
        cache.put(key, kept, cache.ticket(key));
        return kept;
    };
    const auto replaced = put(1);
    EXPECT_TRUE(replaced->is_current());
    const auto invalidated = put(1);
    EXPECT_FALSE(replaced->is_current());
    cache.invalidate(1);
    EXPECT_FALSE(invalidated->is_current());

    const auto ticket = cache.ticket(1);
    cache.invalidate(1);
    const auto refused = std::make_shared<const Kept>();
    cache.put(1, refused, ticket);
    EXPECT_FALSE(refused->is_current());

    const auto evicted = put(1);
    for (int i = 2; i < 1'000; ++i) put(i);
    EXPECT_FALSE(evicted->is_current());
    const auto cleared = put(1);
    cache.clear();
    EXPECT_FALSE(cleared->is_current());
}

TEST(LocalCache, NeverShowsAnOlderValueThanTheLastInvalidation) {
    Numbers cache(100);
    std::atomic<int> truth{0};
    std::atomic<bool> stop{false};
    std::jthread reader([&] {
        while (!stop) {
            if (cache.find(1) != nullptr) continue;
            const auto ticket = cache.ticket(1);
            cache.put(1, std::make_shared<const std::string>(std::to_string(truth)), ticket);
        }
    });
    for (int i = 1; i < 20'000; ++i) {
        truth = i;
        cache.invalidate(1);
        const auto found = cache.find(1);
        if (found != nullptr) ASSERT_EQ(*found, std::to_string(i));
    }
    stop = true;
}

}  // namespace
}  // namespace guildhall::cache
