#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

namespace guildhall::test {

/// What `attempt`, which may be made again, saw in less than `limit`: one that took longer, on a busy machine, may have
/// seen the end of what lasts that long. Throws std::runtime_error when none of ten is quick enough.
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
