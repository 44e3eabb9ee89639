#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "platform/base/clock.hpp"
#include "platform/base/metrics.hpp"
#include "platform/http/access_log.hpp"
#include "platform/http/route.hpp"

namespace guildhall::http {

/// Counts the answered requests of one thread in the metrics and writes them to the access log. Not thread-safe.
class RequestRecorder {
public:
    /// Without a writer there is no access log. `log` outlives this.
    explicit RequestRecorder(BlockWriter* log) : log_(log) {}

    /// Records a request whose header was whole at `start` and that is answered at `now`, with `bytes` in all.
    void record(const Request& request, std::string_view method, int status, std::size_t bytes,
                std::chrono::steady_clock::time_point start, Time now);
    /// Hands the waiting lines of the access log to its writer; called at least once a second.
    void flush() { log_.flush(); }

private:
    /// The metrics of one route, looked up once a thread.
    struct Series {
        std::vector<std::pair<int, metrics::Counter*>> by_status;
        metrics::Histogram* duration = nullptr;
    };

    AccessLog log_;
    std::unordered_map<const Route*, Series> series_;
};

}  // namespace guildhall::http
