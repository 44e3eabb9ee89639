#include "platform/http/circuit_breaker.hpp"

#include <algorithm>

namespace guildhall::http {
namespace {

constexpr double kRetriesPerRequest = 0.1;
constexpr double kMaxRetries = 10;
constexpr double kRetriesPerSecond = 10;

}  // namespace

std::optional<CircuitBreaker::Pass> CircuitBreaker::enter(SteadyTime now) {
    const std::lock_guard lock(mutex_);
    if (failures_ < max_failures_) return newest_;
    if (is_probing_ || now < no_probe_before_) return std::nullopt;
    is_probing_ = true;
    return ++newest_;
}

void CircuitBreaker::succeed(Pass pass) {
    const std::lock_guard lock(mutex_);
    if (pass != newest_) return;
    failures_ = 0;
    is_probing_ = false;
}

void CircuitBreaker::fail(Pass pass, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    if (pass != newest_) return;
    const bool opens = ++failures_ == max_failures_;
    if (opens) ++newest_;
    if (opens || is_probing_) no_probe_before_ = now + open_for_;
    is_probing_ = false;
}

void CircuitBreaker::leave(Pass pass) {
    const std::lock_guard lock(mutex_);
    if (pass == newest_) is_probing_ = false;
}

bool CircuitBreaker::is_open() const {
    const std::lock_guard lock(mutex_);
    return failures_ >= max_failures_;
}

void RetryBudget::deposit() {
    const std::lock_guard lock(mutex_);
    retries_ = std::min(retries_ + kRetriesPerRequest, kMaxRetries);
}

bool RetryBudget::withdraw(std::chrono::steady_clock::time_point now) {
    const std::lock_guard lock(mutex_);
    const std::chrono::duration<double> since = now - withdrawn_at_;
    retries_ = std::min(retries_ + since.count() * kRetriesPerSecond, kMaxRetries);
    withdrawn_at_ = now;
    if (retries_ < 1) return false;
    retries_ -= 1;
    return true;
}

}  // namespace guildhall::http
