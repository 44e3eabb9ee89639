#include "platform/http/request_recorder.hpp"

#include <algorithm>
#include <string>

namespace guildhall::http {
namespace {

metrics::Labels labels_of(const Route* route) {
    return {{"route", route ? route->path : "none"}, {"method", route ? route->method : "none"}};
}

metrics::Counter& make_counter(const Route* route, int status) {
    metrics::Labels labels = labels_of(route);
    labels["status"] = std::to_string(status);
    return metrics::counter("guildhall_http_requests_total", "Answered requests", labels);
}

}  // namespace

void RequestRecorder::record(const Request& request, std::string_view method, int status, std::size_t bytes,
                             std::chrono::steady_clock::time_point start, Time now) {
    const auto duration = std::chrono::steady_clock::now() - start;
    Series& series = series_[request.route];
    if (!series.duration)
        series.duration =
            &metrics::histogram("guildhall_http_request_seconds", "Time from the end of the header to the answer",
                                labels_of(request.route));
    series.duration->observe(duration);
    auto counter = std::ranges::find(series.by_status, status, &std::pair<int, metrics::Counter*>::first);
    if (counter == series.by_status.end())
        counter = series.by_status.insert(series.by_status.end(), {status, &make_counter(request.route, status)});
    counter->second->add();
    const RequestContext& context = request.context;
    log_.add({now, context.request_id, context.traceparent, method, context.path, status, bytes,
              std::chrono::duration_cast<std::chrono::microseconds>(duration), request.user, context.ip});
}

}  // namespace guildhall::http
