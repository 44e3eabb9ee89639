#include "platform/sql/statement_timer.hpp"

#include <utility>

#include <spdlog/spdlog.h>

namespace guildhall::sql {
namespace {

constexpr std::size_t kSlowLinesPerSecond = 10;

}  // namespace

std::optional<std::size_t> LineBudget::take(std::chrono::steady_clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        used_ = 0;
    }
    if (used_ == lines_per_second_) {
        ++left_out_;
        return std::nullopt;
    }
    ++used_;
    return std::exchange(left_out_, 0);
}

metrics::Histogram& statement_histogram(std::string_view engine, const char* statement) {
    return metrics::histogram(
        "guildhall_sql_statement_seconds",
        "Time to the answer of SQL statements by name; those that are sent together are answered together",
        {{"engine", std::string(engine)}, {"statement", statement}});
}

void log_slow(const std::string& statements, std::chrono::steady_clock::duration duration) {
    static LineBudget budget(kSlowLinesPerSecond);
    const auto left_out = budget.take(std::chrono::steady_clock::now());
    if (!left_out) return;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    if (*left_out == 0) {
        spdlog::warn("slow statement {}: {} ms", statements, ms);
    } else {
        spdlog::warn("slow statement {}: {} ms ({} more were not logged)", statements, ms, *left_out);
    }
}

}  // namespace guildhall::sql
