#include "app/open_files.hpp"

#include <algorithm>

#include <sys/resource.h>

#include "app/services.hpp"

namespace guildhall::app {
namespace {

constexpr std::size_t kFilesOfSqlite = 3;  // the database, its log, its index of the log
constexpr std::size_t kOthers = 64;        // standard streams, reactors, listeners, mails

}  // namespace

std::size_t raise_open_files_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur == limit.rlim_max) return limit.rlim_cur;
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::size_t most_open_files(const Config& config, std::size_t threads) {
    const std::size_t of_a_service = config.sql.engine == "sqlite"
                                         ? kFilesOfSqlite * (threads + 1)
                                         : config.sql.postgres.connections_per_thread * threads;
    const auto count = static_cast<std::size_t>(
        std::ranges::count_if(services(), [&](const ServiceRow& row) { return config.services.runs(row.name); }));
    return config.http.max_connections + http::kMaxTurnedAway + count * of_a_service + kOthers;
}

}  // namespace guildhall::app
