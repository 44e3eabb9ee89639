#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "platform/async/task.hpp"

namespace guildhall {

/// Lets one coroutine through at a time, in order of arrival; those that wait block no thread. Thread-safe.
class Gate {
public:
    /// The right to be inside, until it is destroyed.
    class [[nodiscard]] Pass {
    public:
        explicit Pass(Gate* gate) : gate_(gate) {}
        Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
        Pass& operator=(Pass&&) = delete;
        ~Pass() {
            if (gate_ != nullptr) gate_->leave();
        }

    private:
        Gate* gate_;
    };

    /// Waits for its turn and resumes on the caller's executor.
    Task<Pass> enter();

private:
    bool try_enter();
    void leave();

    std::mutex mutex_;
    bool is_taken_ = false;
    std::deque<std::function<void()>> waiting_;  // each resumes one coroutine, which is inside from then on
};

}  // namespace guildhall
