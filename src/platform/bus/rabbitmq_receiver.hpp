#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "platform/bus/bus.hpp"
#include "platform/bus/rabbitmq.hpp"

namespace guildhall::bus {

/// Receives for all subscriptions of this process on its own thread and connection, with a channel for each. Handlers
/// run on the executors of the options.
class RabbitmqReceiver {
public:
    /// Throws std::invalid_argument when a URL is malformed, or there is a subscription and no executor.
    RabbitmqReceiver(const RabbitmqOptions& options, std::vector<Subscription> subscriptions);
    ~RabbitmqReceiver();

    /// Starts the thread, which connects.
    void start();
    /// As Bus::stop.
    void stop(std::chrono::milliseconds limit);
    /// Also true when there is nothing to receive. Thread-safe.
    bool is_connected() const;

private:
    struct State;
    const std::shared_ptr<State> state_;
};

}  // namespace guildhall::bus
