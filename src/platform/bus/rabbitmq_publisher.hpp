#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/bus/envelope.hpp"
#include "platform/bus/rabbitmq.hpp"

namespace guildhall::bus {

/// Publishes on its own thread and connection, and waits for the broker's confirmations. Thread-safe.
class RabbitmqPublisher {
public:
    /// Throws std::invalid_argument when a URL is malformed.
    explicit RabbitmqPublisher(const RabbitmqOptions& options);
    ~RabbitmqPublisher();

    /// Starts the thread, which connects. `consumers` are those of all processes: each has its queue before the first
    /// event is sent.
    void start(std::vector<Wanted> consumers);
    /// As Bus::publish. Throws Unavailable when the broker is unavailable, does not confirm within the deadline, or
    /// refuses an event; when the queue of a consumer of an event is missing; and when too many events wait already.
    Task<void> publish(std::vector<Envelope> events);
    /// Fails the calls that wait, closes the connection and ends the thread.
    void stop();
    bool is_connected() const;

private:
    struct State;
    const std::shared_ptr<State> state_;
};

}  // namespace guildhall::bus
