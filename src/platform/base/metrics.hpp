#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace guildhall::metrics {

using Labels = std::map<std::string, std::string>;

/// Only goes up. Thread-safe, as are all of these. The references live as long as the program: look one up once and
/// keep it.
class Counter {
public:
    virtual ~Counter() = default;
    virtual void add(double by = 1) = 0;
};

/// Goes up and down.
class Gauge {
public:
    virtual ~Gauge() = default;
    /// Replaces the value.
    virtual void set(double value) = 0;
    /// `by` may be negative.
    virtual void add(double by) = 0;
};

/// Durations in buckets from 50 µs to 10 s.
class Histogram {
public:
    virtual ~Histogram() = default;
    virtual void observe(std::chrono::nanoseconds duration) = 0;
};

/// The metric of this name and these labels, created by the first call. `name` follows Prometheus:
/// "guildhall_http_requests_total".
Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {});

/// A gauge whose value `read` gives each time the metrics are rendered.
void gauge_callback(const std::string& name, const std::string& help, const Labels& labels,
                    std::function<double()> read);

/// All metrics of this process in the Prometheus text format 0.0.4.
std::string render();

}  // namespace guildhall::metrics
