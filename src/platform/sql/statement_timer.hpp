#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "platform/base/metrics.hpp"

namespace guildhall::sql {

/// Slower statements are logged by name, never with their text or parameters.
constexpr std::chrono::milliseconds kSlowStatement{200};

/// Limits the number of log lines per second and counts the others. Thread-safe.
class LineBudget {
public:
    explicit LineBudget(std::size_t lines_per_second) : lines_per_second_(lines_per_second) {}

    /// The number of lines that were left out since the last one; empty when this line must be left out, too.
    std::optional<std::size_t> take(std::chrono::steady_clock::time_point now);

private:
    const std::size_t lines_per_second_;
    std::mutex mutex_;
    std::chrono::steady_clock::time_point second_{};  // its start
    std::size_t used_ = 0;                            // in that second
    std::size_t left_out_ = 0;
};

/// The histogram of a statement's durations, until its answer arrived. With PostgreSQL that is the answer to all
/// statements that were sent together. Look it up once for each prepared statement.
metrics::Histogram& statement_histogram(std::string_view engine, const char* statement);

/// Logs slow statements, at most ten lines per second: with a slow database, all statements are slow.
void log_slow(const std::string& statements, std::chrono::steady_clock::duration duration);

/// Adds the time since `start` to `histogram`, and to the log if it is slow.
inline void observe_statement(metrics::Histogram& histogram, const char* statement,
                              std::chrono::steady_clock::time_point start) {
    const auto duration = std::chrono::steady_clock::now() - start;
    histogram.observe(duration);
    if (duration >= kSlowStatement) log_slow(statement, duration);
}

}  // namespace guildhall::sql
