#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "platform/base/clock.hpp"

namespace guildhall::test {

/// A clock that only advance() moves. Thread-safe.
class ManualClock final : public Clock {
public:
    explicit ManualClock(Time start) : micros_(start.time_since_epoch().count()) {}
    Time now() const override { return Time(std::chrono::microseconds(micros_.load())); }
    void advance(std::chrono::microseconds by) { micros_.fetch_add(by.count()); }

private:
    std::atomic<std::int64_t> micros_;
};

}  // namespace guildhall::test
