#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/result.hpp"
#include "platform/bus/envelope.hpp"

namespace guildhall::bus {

/// Thrown by a handler that leaves its events, from the `done`th on, to another process (Bus::hands_over()).
class Elsewhere : public Unavailable {
public:
    explicit Elsewhere(const std::string& what, std::size_t done = 0) : Unavailable(what), done(done) {}
    std::size_t done;
};

/// A consumer and the types of events that it wants.
struct Wanted {
    std::string consumer;
    std::vector<std::string> types;
    friend bool operator==(const Wanted&, const Wanted&) = default;
};

/// A named receiver of some types of events. Calls of one subscription never overlap; the events of one subject come in order.
struct Subscription {
    std::string consumer;            // "connection.blocks": also the inbox's name and the queue's
    std::vector<std::string> types;  // exact types, with version
    /// Handles the events in order. Returns when their effects are durable; throwing means none is counted as done, and the batch comes again; after Elsewhere,
    /// which it may throw where the bus hands over, the rest goes to another process that has the subscription, if there is one.
    std::function<Task<void>(std::vector<Envelope>)> handle;
};

/// Carries events from the relays to the subscriptions, at least once. Thread-safe after start.
class Bus {
public:
    virtual ~Bus() = default;

    /// Before start() only.
    virtual void subscribe(Subscription subscription) = 0;

    /// Deliveries begin. After the last subscribe() and before the first publish(); needs no broker yet.
    virtual void start() {}

    /// Ends deliveries: no handler is called any more, and those that run have ended, or `limit` has passed; what they did not do comes again.
    /// publish() throws from now on. Blocks; before the io threads end, and not on one of them.
    virtual void stop(std::chrono::milliseconds /*limit*/) {}

    /// Deletes what the bus keeps for `consumer`, which no longer exists, with the events that wait for it. Throws
    /// Unavailable.
    virtual Task<void> remove_consumer(std::string /*consumer*/) { co_return; }

    /// Whether a handler may leave events to another process.
    virtual bool hands_over() const { return false; }

    /// True when events flow, as far as is known now; for readiness. Thread-safe.
    virtual bool ready() const { return true; }

    /// Takes over responsibility for `events` (in order): returns when each is durable at the broker or handled by every subscription of its type.
    /// Throws Unavailable; the caller then publishes the same batch again later.
    virtual Task<void> publish(std::vector<Envelope> events) = 0;
};

}  // namespace guildhall::bus
