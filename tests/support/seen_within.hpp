#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

namespace guildhall::test {

/// The result of an `attempt`, which may be repeated, that took less than `limit`. On a busy machine, a longer attempt
/// may see the end of something that lasts that long. Throws std::runtime_error when none of ten attempts is quick
/// enough.
template <class Attempt>
auto seen_within(std::chrono::milliseconds limit, Attempt attempt) {
    for (int tries = 0; tries < 10; ++tries) {
        const auto start = std::chrono::steady_clock::now();
        auto seen = attempt();
        if (std::chrono::steady_clock::now() - start < limit) return seen;
    }
    throw std::runtime_error("this machine is too slow for " + std::to_string(limit.count()) + " ms");
}

}  // namespace guildhall::test
