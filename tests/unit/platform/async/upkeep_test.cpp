#include "platform/async/upkeep.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "support/await.hpp"

namespace guildhall {
namespace {

Task<void> work(bool& is_done) {
    is_done = true;
    co_return;
}

Task<void> fail() {
    throw std::runtime_error("cannot");
    co_return;
}

Task<void> keep_up_both(bool& is_done) {
    co_await run_upkeep("what fails", fail());
    co_await run_upkeep("what works", work(is_done));
}

TEST(Upkeep, APieceThatFailsDoesNotKeepTheNextFromBeingDone) {
    bool is_done = false;
    EXPECT_NO_THROW(test::await(keep_up_both(is_done)));
    EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace guildhall
