#include "services/post/timelines.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace guildhall::post {
namespace {

const auto kAnyone = [](UserId) { return true; };
auto only(std::int64_t id) {
    return [id](UserId user) { return user.value == id; };
}

TEST(ChangeLog, TellsWhetherAnyOfTheMeantChangedBetweenTwoPositions) {
    ChangeLog log;
    const auto start = log.position();
    EXPECT_TRUE(log.is_unchanged(start, log.position(), kAnyone));
    log.append(UserId{1});
    log.append(UserId{2});
    EXPECT_FALSE(log.is_unchanged(start, log.position(), only(1)));
    EXPECT_FALSE(log.is_unchanged(start, log.position(), only(2)));
    EXPECT_TRUE(log.is_unchanged(start, log.position(), only(3)));
    EXPECT_TRUE(log.is_unchanged(start + 1, log.position(), only(1)));
}

TEST(ChangeLog, ForgetsButNeverClaimsToKnowWhatItForgot) {
    ChangeLog log;
    const auto start = log.position();
    log.append(UserId{1});
    for (int i = 0; i < 20'000; ++i) log.append(UserId{2});
    EXPECT_FALSE(log.is_unchanged(start, log.position(), only(1)));
    EXPECT_FALSE(log.is_unchanged(start, log.position(), only(3)));
}

// A reader that looks at the positions of member 1's changes must find every one, also while others overwrite the ring.
TEST(ChangeLog, MissesNoChangeWhileOthersAppend) {
    ChangeLog log;
    std::atomic<bool> stop{false};
    std::thread noise([&] {
        for (std::int64_t i = 0; !stop; ++i) log.append(UserId{2 + i % 7});
    });
    int missed = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto before = log.position();
        log.append(UserId{1});
        if (log.is_unchanged(before, log.position(), only(1))) ++missed;
    }
    stop = true;
    noise.join();
    EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace guildhall::post
