#include "platform/async/backoff.hpp"

#include <algorithm>
#include <random>

namespace guildhall {

std::chrono::milliseconds Backoff::next() {
    thread_local std::minstd_rand random(std::random_device{}());
    // From 1 ms, not 0: a caller that loops on this must not spin.
    std::uniform_int_distribution<std::chrono::milliseconds::rep> wait(
        1, std::max<std::chrono::milliseconds::rep>(limit_.count(), 1));
    const std::chrono::milliseconds chosen(wait(random));
    limit_ = std::min(limit_ * 2, most_);
    return chosen;
}

}  // namespace guildhall
