#include "platform/base/metrics.hpp"

#include <memory>
#include <mutex>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace guildhall::metrics {
namespace {

class OwnCounter final : public Counter {
public:
    explicit OwnCounter(prometheus::Counter& counter) : counter_(counter) {}
    void add(double by) override { counter_.Increment(by); }

private:
    prometheus::Counter& counter_;
};

class OwnGauge final : public Gauge {
public:
    explicit OwnGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
    void set(double value) override { gauge_.Set(value); }
    void add(double by) override { gauge_.Increment(by); }

private:
    prometheus::Gauge& gauge_;
};

class OwnHistogram final : public Histogram {
public:
    explicit OwnHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
    void observe(std::chrono::nanoseconds duration) override {
        histogram_.Observe(std::chrono::duration<double>(duration).count());
    }

private:
    prometheus::Histogram& histogram_;
};

// Seconds; 1, 2.5, 5 in each decade, so that every quantile is known to a factor of 2.5.
const prometheus::Histogram::BucketBoundaries kBuckets{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3,
                                                       50e-3, 100e-3, 250e-3, 500e-3, 1,    2.5,    5,    10};

using Key = std::pair<std::string, Labels>;

struct All {
    prometheus::Registry registry;
    std::mutex mutex;
    std::map<Key, std::unique_ptr<Counter>> counters;
    std::map<Key, std::unique_ptr<Gauge>> gauges;
    std::map<Key, std::unique_ptr<Histogram>> histograms;
    std::mutex callbacks_mutex;  // held while callbacks run, so none runs after it was replaced
    std::map<Key, std::pair<Gauge*, std::function<double()>>> callbacks;
};

// Never destroyed: threads may count until the very end of the process.
All& all() {
    static All& instance = *new All;
    return instance;
}

}  // namespace

Counter& counter(const std::string& name, const std::string& help, const Labels& labels) {
    const std::lock_guard lock(all().mutex);
    auto& known = all().counters[{name, labels}];
    if (!known) {
        auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(all().registry);
        known = std::make_unique<OwnCounter>(family.Add(labels));
    }
    return *known;
}

Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
    const std::lock_guard lock(all().mutex);
    auto& known = all().gauges[{name, labels}];
    if (!known) {
        auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(all().registry);
        known = std::make_unique<OwnGauge>(family.Add(labels));
    }
    return *known;
}

Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels) {
    const std::lock_guard lock(all().mutex);
    auto& known = all().histograms[{name, labels}];
    if (!known) {
        auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(all().registry);
        known = std::make_unique<OwnHistogram>(family.Add(labels, kBuckets));
    }
    return *known;
}

void gauge_callback(const std::string& name, const std::string& help, const Labels& labels,
                    std::function<double()> read) {
    Gauge& target = gauge(name, help, labels);
    const std::lock_guard lock(all().callbacks_mutex);
    all().callbacks[{name, labels}] = {&target, std::move(read)};
}

std::string render() {
    {
        const std::lock_guard lock(all().callbacks_mutex);
        for (const auto& [key, callback] : all().callbacks) callback.first->set(callback.second());
    }
    return prometheus::TextSerializer().Serialize(all().registry.Collect());
}

}  // namespace guildhall::metrics
