#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "platform/base/metrics.hpp"

namespace guildhall::sql {

/// What takes longer is logged by the names of its statements (never their text or parameters).
constexpr std::chrono::milliseconds kSlowStatement{200};

/// Lets a number of lines a second through, and counts the others. Thread-safe.
class LineBudget {
public:
    explicit LineBudget(std::size_t lines_per_second) : lines_per_second_(lines_per_second) {}

    /// How many lines were left out since the last that was let through; nothing when this one is to be left out too.
    std::optional<std::size_t> take(std::chrono::steady_clock::time_point now);

private:
    const std::size_t lines_per_second_;
    std::mutex mutex_;
    std::chrono::steady_clock::time_point second_{};  // its begin
    std::size_t used_ = 0;                            // in that second
    std::size_t left_out_ = 0;
};

/// The histogram of a statement's durations: until its answer was there, which with PostgreSQL is the answer to all statements that were sent together.
/// Look it up once for each prepared statement.
metrics::Histogram& statement_histogram(std::string_view engine, const char* statement);

/// Logs what took so long, at most ten lines a second: when the database is slow, everything is.
void log_slow(const std::string& statements, std::chrono::steady_clock::duration duration);

/// Puts the time since `start` into `histogram` and the slow log.
inline void observe_statement(metrics::Histogram& histogram, const char* statement,
                              std::chrono::steady_clock::time_point start) {
    const auto duration = std::chrono::steady_clock::now() - start;
    histogram.observe(duration);
    if (duration >= kSlowStatement) log_slow(statement, duration);
}

}  // namespace guildhall::sql
