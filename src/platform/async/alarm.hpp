#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include <boost/asio/steady_timer.hpp>

#include "platform/async/task.hpp"

namespace guildhall {

/// A sleep that others can end. One coroutine sleeps at a time. Thread-safe.
class Alarm {
public:
    /// Sleeps for `limit`, or until the next ring(); not at all when it was rung since the last sleep.
    Task<void> sleep(std::chrono::milliseconds limit);

    /// Ends the sleep, or the next one if nobody sleeps.
    void ring();

private:
    std::mutex mutex_;
    bool is_rung_ = false;
    std::shared_ptr<boost::asio::steady_timer> timer_;  // of the coroutine that sleeps
};

}  // namespace guildhall
