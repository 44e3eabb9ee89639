#include "platform/http/circuit_breaker.hpp"

#include <algorithm>

namespace guildhall::http {
namespace {

constexpr double kShareOfRetries = 0.1;
constexpr double kMostRetries = 10;

}  // namespace

bool CircuitBreaker::enter(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    if (failures_ < most_failures_) return true;
    if (is_probing_ || now < no_probe_before_) return false;
    is_probing_ = true;
    return true;
}

void CircuitBreaker::succeed() {
    const std::lock_guard lock(mutex_);
    failures_ = 0;
    is_probing_ = false;
}

void CircuitBreaker::fail(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    // Those sent before it opened fail late: they do not put the next probe off.
    const bool opens = ++failures_ == most_failures_ || is_probing_;
    if (opens) no_probe_before_ = now + open_for_;
    is_probing_ = false;
}

void CircuitBreaker::leave() {
    const std::lock_guard lock(mutex_);
    is_probing_ = false;
}

bool CircuitBreaker::is_open() const {
    const std::lock_guard lock(mutex_);
    return failures_ >= most_failures_;
}

void RetryBudget::deposit() {
    const std::lock_guard lock(mutex_);
    retries_ = std::min(retries_ + kShareOfRetries, kMostRetries);
}

bool RetryBudget::withdraw() {
    const std::lock_guard lock(mutex_);
    if (retries_ < 1) return false;
    retries_ -= 1;
    return true;
}

}  // namespace guildhall::http
