#include "platform/async/pool.hpp"

#include "platform/base/metrics.hpp"

namespace guildhall {
namespace {

constexpr const char* kLoadMetric = "guildhall_pool_load";
constexpr const char* kLoadHelp = "Jobs that wait or run in a thread pool.";

}  // namespace

Pool::Pool(std::string name, std::size_t threads, std::size_t max_waiting)
    : name_(std::move(name)), limit_(threads + max_waiting), threads_(threads) {
    metrics::gauge_callback(kLoadMetric, kLoadHelp, {{"pool", name_}}, [this] { return static_cast<double>(load()); });
}

Pool::~Pool() {
    threads_.join();  // runs the accepted jobs first
    metrics::gauge_callback(kLoadMetric, kLoadHelp, {{"pool", name_}}, [] { return 0.0; });
}

void Pool::enter() {
    if (load_.fetch_add(1, std::memory_order_relaxed) < limit_) return;
    load_.fetch_sub(1, std::memory_order_relaxed);
    throw Unavailable(name_ + " is busy");
}

}  // namespace guildhall
