#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <limits>
#include <string>

namespace guildhall {

/// Seconds of CPU that this thread has used. Other programs on the machine do not count.
inline double thread_cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// How many times as much CPU `use` needs for the input that is doubled three times: 8 when it is linear, 64 when it is
/// quadratic. `make(n)` makes an input of about n bytes. Sanitizers and slow machines slow both sides.
template <class Make, class Use>
double growth_over_three_doublings(const Make& make, const Use& use) {
    constexpr std::size_t kSmallBytes = 3'000;
    constexpr double kLeastSeconds = 0.0003;
    constexpr int kRounds = 3;
    const std::string small = make(kSmallBytes);
    const std::string large = make(kSmallBytes * 8);
    const auto seconds_of = [&](const std::string& input, int times) {
        const double begin = thread_cpu_seconds();
        for (int i = 0; i < times; ++i) use(input);
        return thread_cpu_seconds() - begin;
    };
    int times = 1;
    while (seconds_of(small, times) < kLeastSeconds && times < 1'000) times *= 2;
    double least_small = std::numeric_limits<double>::max();
    double least_large = std::numeric_limits<double>::max();
    for (int round = 0; round < kRounds; ++round) {
        least_small = std::min(least_small, seconds_of(small, times));
        least_large = std::min(least_large, seconds_of(large, times));
    }
    return least_large / least_small;
}

/// Above what a linear algorithm grows to, and below what a quadratic one does.
constexpr double kMostLinearGrowth = 24;

}  // namespace guildhall
