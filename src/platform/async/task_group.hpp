#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "platform/async/task.hpp"

namespace guildhall {

/// The only way to start a coroutine that nobody awaits. A failure is logged with the coroutine's name; the drain waits
/// for all of them. Thread-safe.
class TaskGroup {
public:
    ~TaskGroup();

    /// Starts `task` on `executor`.
    void spawn(boost::asio::any_io_executor executor, std::string name, Task<void> task);

    /// True once stop() was called; loops then end.
    bool stopping() const { return stopping_.load(std::memory_order_acquire); }
    void stop() { stopping_.store(true, std::memory_order_release); }

    /// Waits until all tasks have ended, at most `limit`. Returns the number that still run.
    std::size_t wait(std::chrono::milliseconds limit);

private:
    // Shared with the tasks, because a task that its executor destroys may outlive the group.
    const std::shared_ptr<std::atomic<std::size_t>> running_ = std::make_shared<std::atomic<std::size_t>>(0);
    std::atomic<bool> stopping_{false};
};

/// Ends after `duration`.
Task<void> sleep_for(std::chrono::milliseconds duration);

}  // namespace guildhall
