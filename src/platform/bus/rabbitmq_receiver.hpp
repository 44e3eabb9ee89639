#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "platform/bus/bus.hpp"
#include "platform/bus/rabbitmq.hpp"

namespace guildhall::bus {

/// Receives for all subscriptions of this process on a thread and a connection of its own, a channel each; handlers run on the options' executors.
class RabbitmqReceiver {
public:
    /// Throws std::invalid_argument when a URL is malformed, or there is a subscription and no executor.
    RabbitmqReceiver(const RabbitmqOptions& options, std::vector<Subscription> subscriptions);
    ~RabbitmqReceiver();

    /// The thread begins to connect.
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
