#include "services/user/throttle.hpp"

#include <gtest/gtest.h>

#include "platform/cache/memory.hpp"
#include "support/await.hpp"
#include "support/manual_clock.hpp"

namespace guildhall::user {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test::await;

/// A cache that is unavailable.
class AbsentCache final : public cache::Cache {
public:
    Task<std::optional<std::string>> get(std::string_view) override { co_return std::nullopt; }
    Task<std::vector<std::optional<std::string>>> get_all(std::vector<std::string> keys) override {
        co_return std::vector<std::optional<std::string>>(keys.size());
    }
    Task<void> set(std::string_view, std::string, std::chrono::milliseconds) override { co_return; }
    Task<void> erase(std::string_view) override { co_return; }
    Task<std::optional<std::int64_t>> add(std::string_view, std::int64_t, std::chrono::milliseconds) override {
        co_return std::nullopt;
    }
};

class ThrottleTest : public testing::Test {
protected:
    static constexpr FailureLimit kAccount{3, minutes(15), minutes(15)};
    static constexpr FailureLimit kAddress{5, minutes(15), minutes(15)};

    Result<Throttle::Attempt> begin(const std::string& account, const std::string& ip = "192.0.2.1") {
        std::vector<Throttle::Subject> subjects{Throttle::account("login", account, kAccount),
                                                Throttle::address("login", ip, kAddress)};
        return await(throttle_.begin(std::move(subjects)));
    }
    void fail(const std::string& account, const std::string& ip = "192.0.2.1") {
        auto attempt = begin(account, ip);
        ASSERT_TRUE(attempt);
        await(throttle_.keep(std::move(*attempt)));
    }

    test::ManualClock clock_{Time(std::chrono::days(20'000))};
    std::unique_ptr<cache::Cache> cache_ = cache::make_memory_cache(clock_, 1 << 20);
    Throttle throttle_{*cache_, clock_};
};

// [U12]
TEST_F(ThrottleTest, LocksAnAccountAfterItsLastAllowedFailureFromWhereverItComes) {
    fail("ada", "192.0.2.1");
    fail("ada", "192.0.2.2");
    fail("ada", "192.0.2.3");
    const auto refused = begin("ada", "192.0.2.4");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::too_many_requests);
    EXPECT_EQ(refused.error().retry_after, minutes(15));
    EXPECT_TRUE(begin("bob", "192.0.2.4"));
}

// [U12]
TEST_F(ThrottleTest, OpensAgainAfterTheCoolDown) {
    for (int i = 0; i < 3; ++i) fail("ada");
    clock_.advance(minutes(14));
    const auto refused = begin("ada");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().retry_after, minutes(1));
    clock_.advance(minutes(1));
    EXPECT_TRUE(begin("ada"));
}

// [U12]
TEST_F(ThrottleTest, ForgetsAnAccountsFailuresWhenItSucceeds) {
    for (int round = 0; round < 2; ++round) {
        fail("ada");
        fail("ada");
        auto attempt = begin("ada");
        ASSERT_TRUE(attempt);
        await(throttle_.clear(std::move(*attempt)));
    }
}

// [U12]
TEST_F(ThrottleTest, LocksAnAddressThatTriesManyAccounts) {
    for (int i = 0; i < 5; ++i) fail("account " + std::to_string(i));
    EXPECT_FALSE(begin("another"));
    EXPECT_TRUE(begin("another", "192.0.2.2"));
}

// [U12] Else an attacker would sign in to an own account in between.
TEST_F(ThrottleTest, ASuccessDoesNotForgiveTheAddressItsOtherFailures) {
    for (int i = 0; i < 4; ++i) fail("account " + std::to_string(i));
    auto own = begin("own");
    ASSERT_TRUE(own);
    await(throttle_.clear(std::move(*own)));
    fail("account 4");
    EXPECT_FALSE(begin("account 5"));
}

// [U12]
TEST_F(ThrottleTest, CountsOneSubscriberOfIpv6ByItsNetwork) {
    for (int i = 0; i < 5; ++i) fail("account " + std::to_string(i), "2001:db8:1:2::" + std::to_string(i + 1));
    EXPECT_FALSE(begin("another", "2001:db8:1:2:ffff::1"));
    EXPECT_TRUE(begin("another", "2001:db8:1:3::1"));
}

// [U12]
TEST_F(ThrottleTest, LetsNoMoreThroughAtOnceThanMayFail) {
    int let_through = 0;
    for (int i = 0; i < 10; ++i)
        if (begin("ada", "192.0.2." + std::to_string(i))) ++let_through;
    EXPECT_EQ(let_through, 3);
}

TEST_F(ThrottleTest, AnAttemptThatWasNotMadeDoesNotCount) {
    for (int i = 0; i < 10; ++i) {
        auto attempt = begin("ada");
        ASSERT_TRUE(attempt);
        await(throttle_.undo(std::move(*attempt)));
    }
}

TEST_F(ThrottleTest, FailuresAreForgottenAfterTheWindow) {
    fail("ada");
    fail("ada");
    clock_.advance(minutes(15) + seconds(1));
    fail("ada");
    EXPECT_TRUE(begin("ada"));
}

TEST_F(ThrottleTest, LetsEverythingThroughWhileTheCacheIsAway) {
    AbsentCache absent;
    Throttle throttle(absent, clock_);
    for (int i = 0; i < 20; ++i) {
        std::vector<Throttle::Subject> subjects{Throttle::account("login", "ada", kAccount)};
        auto attempt = await(throttle.begin(std::move(subjects)));
        ASSERT_TRUE(attempt);
        await(throttle.keep(std::move(*attempt)));
    }
}

}  // namespace
}  // namespace guildhall::user
