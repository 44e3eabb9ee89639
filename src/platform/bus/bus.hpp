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

/// Thrown by a handler that leaves its events, except the first `done`, to another process (Bus::can_hand_over()).
class HandOver : public Unavailable {
public:
    explicit HandOver(const std::string& what, std::size_t done = 0) : Unavailable(what), done(done) {}
    std::size_t done;
};

/// A consumer and the types of the events that it receives.
struct Wanted {
    std::string consumer;
    std::vector<std::string> types;
    friend bool operator==(const Wanted&, const Wanted&) = default;
};

/// A consumer with its handler. Calls of one handler never overlap; the events of one subject come in order.
struct Subscription {
    std::string consumer;            // such as "connection.blocks"; also the name of its inbox and its queue
    std::vector<std::string> types;  // exact, with version
    /// Handles the events in order and returns when their effects are durable. If it throws, none counts as done, and
    /// the batch comes again. It may throw HandOver if the bus can hand over: the rest then goes to another process
    /// that has the subscription, if there is one.
    std::function<Task<void>(std::vector<Envelope>)> handle;
};

/// Carries events from the relays to the subscriptions, at least once. Thread-safe after start.
class Bus {
public:
    virtual ~Bus() = default;

    /// Call before start().
    virtual void subscribe(Subscription subscription) = 0;

    /// Starts the deliveries. Call after the last subscribe() and before the first publish(). Does not need the broker
    /// yet.
    virtual void start() {}

    /// Ends the deliveries. No handler is called any more; returns when those that run have ended, or after `limit`.
    /// Events that were not handled come again. publish() then throws. Blocks: call it before the io threads end, and
    /// not on one of them.
    virtual void stop(std::chrono::milliseconds /*limit*/) {}

    /// Deletes what the bus stores for `consumer`, which no longer exists, including the events that wait for it.
    /// Throws Unavailable.
    virtual Task<void> remove_consumer(std::string /*consumer*/) { co_return; }

    /// True when a handler may throw HandOver.
    virtual bool can_hand_over() const { return false; }

    /// True when events can be published and delivered, as far as is known; for readiness. Thread-safe.
    virtual bool ready() const { return true; }

    /// Takes over `events`, in order: returns when each is durable at the broker, or was handled by every subscription
    /// of its type. Throws Unavailable; the caller then publishes the same batch again later.
    virtual Task<void> publish(std::vector<Envelope> events) = 0;
};

}  // namespace guildhall::bus
