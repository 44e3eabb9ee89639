#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "platform/base/metrics.hpp"

namespace guildhall::sql {

/// A statement or a commit that takes longer is logged by its name (never its text or its parameters).
constexpr std::chrono::milliseconds kSlowStatement{200};

/// The histogram of a statement's durations. Look it up once for each prepared statement.
inline metrics::Histogram& statement_histogram(std::string_view engine, const char* statement) {
    return metrics::histogram("guildhall_sql_statement_seconds", "Duration of SQL statements by name",
                              {{"engine", std::string(engine)}, {"statement", statement}});
}

/// Puts the time since `start` into `histogram` and the slow log.
inline void observe_statement(metrics::Histogram& histogram, const char* statement,
                              std::chrono::steady_clock::time_point start) {
    const auto duration = std::chrono::steady_clock::now() - start;
    histogram.observe(duration);
    if (duration < kSlowStatement) return;
    spdlog::warn("slow statement {}: {} ms", statement,
                 std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace guildhall::sql
