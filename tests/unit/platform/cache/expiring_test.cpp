#include "platform/cache/expiring.hpp"

#include <memory>

#include <gtest/gtest.h>

namespace guildhall::cache {
namespace {

using std::chrono::milliseconds;

struct Value : Retirable {
    explicit Value(int n) : number(n) {}
    int number;
};

class ExpiringTest : public testing::Test {
protected:
    std::shared_ptr<const Value> put(int key, int number) {
        auto value = std::make_shared<const Value>(number);
        values.put(key, value, values.ticket(key));
        return value;
    }

    std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
    Expiring<int, Value> values{100, milliseconds(50), [](const Value&) -> std::size_t { return 1; },
                                [this] { return now; }};
};

TEST_F(ExpiringTest, KeepsAValueForItsTime) {
    put(1, 10);
    now += milliseconds(49);
    ASSERT_TRUE(values.find(1));
    EXPECT_EQ(values.find(1)->number, 10);
}

TEST_F(ExpiringTest, NeverGivesAValueThatIsTooOld) {
    put(1, 10);
    now += milliseconds(50);
    EXPECT_FALSE(values.find(1));
}

TEST_F(ExpiringTest, WhoKeepsAValueLearnsThatItExpired) {
    const auto value = put(1, 10);
    now += milliseconds(50);
    EXPECT_TRUE(value->is_current());
    values.find(2);  // of any key
    EXPECT_FALSE(value->is_current());
}

TEST_F(ExpiringTest, ExpireRetiresWhatNobodyAsksFor) {
    const auto first = put(1, 10);
    now += milliseconds(20);
    const auto second = put(2, 20);
    now += milliseconds(30);
    values.expire();
    EXPECT_FALSE(first->is_current());
    EXPECT_TRUE(second->is_current());
}

TEST_F(ExpiringTest, AnInvalidationRetiresAtOnceAndRefusesWhatWasReadBefore) {
    const auto ticket = values.ticket(1);
    const auto value = put(1, 10);
    values.invalidate(1);
    EXPECT_FALSE(value->is_current());
    const auto stale = std::make_shared<const Value>(11);
    values.put(1, stale, ticket);
    EXPECT_FALSE(values.find(1));
    EXPECT_FALSE(stale->is_current());
}

}  // namespace
}  // namespace guildhall::cache
