#include "platform/sql/statement_timer.hpp"

#include <gtest/gtest.h>

namespace guildhall::sql {
namespace {

using namespace std::chrono_literals;

TEST(SlowLog, IsBoundedAndSaysHowManyLinesItLeftOut) {
    LineBudget budget(2);
    const auto start = std::chrono::steady_clock::time_point{} + 1h;
    EXPECT_EQ(budget.take(start), 0U);
    EXPECT_EQ(budget.take(start + 1ms), 0U);
    EXPECT_EQ(budget.take(start + 2ms), std::nullopt);
    EXPECT_EQ(budget.take(start + 999ms), std::nullopt);
    EXPECT_EQ(budget.take(start + 1000ms), 2U);
    EXPECT_EQ(budget.take(start + 1001ms), 0U);
    EXPECT_EQ(budget.take(start + 1002ms), std::nullopt);
}

}  // namespace
}  // namespace guildhall::sql
