#include "platform/http/circuit_breaker.hpp"

#include <gtest/gtest.h>

namespace guildhall::http {
namespace {

using std::chrono::milliseconds;

class CircuitBreakerTest : public testing::Test {
protected:
    void fail_once() {
        const auto pass = breaker.enter(now);
        ASSERT_TRUE(pass);
        breaker.fail(*pass, now);
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
    const auto pass = breaker.enter(now);
    ASSERT_TRUE(pass);
    breaker.succeed(*pass);
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
    const auto pass = breaker.enter(now);
    ASSERT_TRUE(pass);
    breaker.succeed(*pass);
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
    const auto pass = breaker.enter(now);
    ASSERT_TRUE(pass);
    breaker.leave(*pass);
    EXPECT_TRUE(breaker.is_open());
    EXPECT_TRUE(breaker.enter(now));
}

TEST_F(CircuitBreakerTest, WhatWasSentBeforeTheProbeNeitherEndsItNorClosesTheBreaker) {
    const auto old = breaker.enter(now);
    const auto other = breaker.enter(now);
    const auto third = breaker.enter(now);
    ASSERT_TRUE(old && other && third);
    open();
    now += milliseconds(100);
    const auto probe = breaker.enter(now);
    ASSERT_TRUE(probe);
    breaker.fail(*old, now);
    EXPECT_FALSE(breaker.enter(now));
    breaker.leave(*other);
    EXPECT_FALSE(breaker.enter(now));
    breaker.succeed(*third);
    EXPECT_FALSE(breaker.enter(now));
    EXPECT_TRUE(breaker.is_open());
    breaker.succeed(*probe);
    EXPECT_FALSE(breaker.is_open());
}

// [X25]
TEST(RetryBudgetTest, IsATenthOfTheRequestsAndTenASecond) {
    RetryBudget budget;
    CircuitBreaker::SteadyTime now{std::chrono::hours(1)};
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.withdraw(now));
    EXPECT_FALSE(budget.withdraw(now));
    for (int i = 0; i < 11; ++i) budget.deposit();
    EXPECT_TRUE(budget.withdraw(now));
    EXPECT_FALSE(budget.withdraw(now));
    now += milliseconds(250);
    EXPECT_TRUE(budget.withdraw(now));
    EXPECT_TRUE(budget.withdraw(now));
    EXPECT_FALSE(budget.withdraw(now));
    now += std::chrono::hours(1);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.withdraw(now));
    EXPECT_FALSE(budget.withdraw(now));
}

}  // namespace
}  // namespace guildhall::http
