#pragma once

#include <functional>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/bus/envelope.hpp"

namespace guildhall::bus {

/// A named receiver of some types of events. Calls of one subscription never overlap; the events of one subject come in order.
struct Subscription {
    std::string consumer;            // "connection.blocks": also the inbox's name and the queue's
    std::vector<std::string> types;  // exact types, with version
    /// Handles the events in order. Returns when their effects are durable; throwing means none is counted as done, and the batch comes again.
    std::function<Task<void>(std::vector<Envelope>)> handle;
};

/// Carries events from the relays to the subscriptions, at least once. Thread-safe after start.
class Bus {
public:
    virtual ~Bus() = default;

    /// Before the first publish only.
    virtual void subscribe(Subscription subscription) = 0;

    /// Takes over responsibility for `events` (in order): returns when each is durable at the broker or handled by every subscription of its type.
    /// Throws Unavailable; the caller then publishes the same batch again later.
    virtual Task<void> publish(std::vector<Envelope> events) = 0;
};

}  // namespace guildhall::bus
