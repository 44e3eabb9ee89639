#include "platform/cache/local.hpp"

#include <string>
#include <thread>

#include <gtest/gtest.h>

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
    const auto ticket = cache.ticket(1);  // the reader now reads the old truth
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
