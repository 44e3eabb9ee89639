#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/bus/envelope.hpp"
#include "platform/bus/rabbitmq.hpp"

namespace guildhall::bus {

/// Publishes on a thread and a connection of its own, and waits for the broker's confirmations. Thread-safe.
class RabbitmqPublisher {
public:
    /// Throws std::invalid_argument when a URL is malformed.
    explicit RabbitmqPublisher(const RabbitmqOptions& options);
    ~RabbitmqPublisher();

    /// The thread begins to connect. `consumers` are all that exist, here and elsewhere: before the first event is sent each has its queue.
    void start(std::vector<Wanted> consumers);
    /// As Bus::publish. Throws Unavailable when the broker does not confirm within the deadline, is away, refuses an event, or misses the queue of
    /// one that a consumer wants; and when too many events wait already.
    Task<void> publish(std::vector<Envelope> events);
    /// What waits fails, the connection is closed, the thread ends.
    void stop();
    bool is_connected() const;

private:
    struct State;
    const std::shared_ptr<State> state_;
};

}  // namespace guildhall::bus
