#include "platform/http/circuit_breaker.hpp"

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

using std::chrono::milliseconds;

class CircuitBreakerTest : public testing::Test {
protected:
    void fail_once() {
        ASSERT_TRUE(breaker.enter(now));
        breaker.fail(now);
    }
    void open() {
        for (int i = 0; i < 3; ++i) fail_once();
    }

    CircuitBreaker::SteadyTime now{std::chrono::hours(1)};
    CircuitBreaker breaker{3, milliseconds(100)};
};

// [X25]
TEST_F(CircuitBreakerTest, OpensAfterFailuresInARow) {
    fail_once();
    fail_once();
    EXPECT_FALSE(breaker.is_open());
    fail_once();
    EXPECT_TRUE(breaker.is_open());
    EXPECT_FALSE(breaker.enter(now));
}

TEST_F(CircuitBreakerTest, ASuccessBetweenStartsTheCountAgain) {
    fail_once();
    fail_once();
    ASSERT_TRUE(breaker.enter(now));
    breaker.succeed();
    fail_once();
    fail_once();
    EXPECT_FALSE(breaker.is_open());
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughWhenItsTimeIsOver) {
    open();
    now += milliseconds(99);
    EXPECT_FALSE(breaker.enter(now));
    now += milliseconds(1);
    EXPECT_TRUE(breaker.enter(now));
    EXPECT_FALSE(breaker.enter(now));
}

TEST_F(CircuitBreakerTest, AProbeThatSucceedsClosesIt) {
    open();
    now += milliseconds(100);
    ASSERT_TRUE(breaker.enter(now));
    breaker.succeed();
    EXPECT_FALSE(breaker.is_open());
    EXPECT_TRUE(breaker.enter(now));
    EXPECT_TRUE(breaker.enter(now));
}

TEST_F(CircuitBreakerTest, AProbeThatFailsKeepsItOpenForAsLongAgain) {
    open();
    now += milliseconds(100);
    fail_once();
    now += milliseconds(99);
    EXPECT_FALSE(breaker.enter(now));
    now += milliseconds(1);
    EXPECT_TRUE(breaker.enter(now));
}

TEST_F(CircuitBreakerTest, AProbeThatIsGivenUpLetsTheNextThrough) {
    open();
    now += milliseconds(100);
    ASSERT_TRUE(breaker.enter(now));
    breaker.leave();
    EXPECT_TRUE(breaker.is_open());
    EXPECT_TRUE(breaker.enter(now));
}

// [X25]
TEST(RetryBudgetTest, IsATenthOfTheRequestsAndTenMore) {
    RetryBudget budget;
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.withdraw());
    EXPECT_FALSE(budget.withdraw());
    for (int i = 0; i < 11; ++i) budget.deposit();
    EXPECT_TRUE(budget.withdraw());
    EXPECT_FALSE(budget.withdraw());
}

}  // namespace
}  // namespace guildhall::http
