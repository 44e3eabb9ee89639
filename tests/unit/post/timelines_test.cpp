#include "services/post/timelines.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace guildhall::post {
namespace {

const auto kAnyone = [](UserId) { return true; };
auto only(std::int64_t id) {
    return [id](UserId user) { return user.value == id; };
}

using Users = std::optional<std::vector<UserId>>;

TEST(ChangeLog, TellsWhoOfTheMeantChangedBetweenTwoPositions) {
    ChangeLog log;
    const auto start = log.position();
    EXPECT_EQ(log.list_changed(start, log.position(), kAnyone), Users(std::in_place));
    for (const std::int64_t id : {1, 2, 1}) log.append(UserId{id});
    EXPECT_EQ(log.list_changed(start, log.position(), kAnyone), Users({UserId{1}, UserId{2}}));
    EXPECT_EQ(log.list_changed(start, log.position(), only(2)), Users({UserId{2}}));
    EXPECT_EQ(log.list_changed(start, log.position(), only(3)), Users(std::in_place));
    EXPECT_EQ(log.list_changed(start + 2, log.position(), kAnyone), Users({UserId{1}}));
}

TEST(ChangeLog, ForgetsButNeverClaimsToKnowWhatItForgot) {
    ChangeLog log;
    const auto start = log.position();
    log.append(UserId{1});
    for (int i = 0; i < 20'000; ++i) log.append(UserId{2});
    EXPECT_EQ(log.list_changed(start, log.position(), only(1)), std::nullopt);
    EXPECT_EQ(log.list_changed(start, log.position(), only(3)), std::nullopt);
}

TEST(ChangeLog, DoesNotListAWholeNetwork) {
    ChangeLog log;
    const auto start = log.position();
    for (std::int64_t id = 1; id <= 1000; ++id) log.append(UserId{id});
    EXPECT_EQ(log.list_changed(start, log.position(), kAnyone), std::nullopt);
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
        const Users changed = log.list_changed(before, log.position(), only(1));
        if (changed && changed->empty()) ++missed;
    }
    stop = true;
    noise.join();
    EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace guildhall::post
