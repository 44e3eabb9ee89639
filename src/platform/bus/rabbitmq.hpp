#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "platform/bus/bus.hpp"

namespace guildhall::bus {

/// Options of the bus over RabbitMQ.
struct RabbitmqOptions {
    /// "amqp://user:password@host:5672/%2f", one for each node of the cluster; tried in turn.
    std::vector<std::string> urls;
    /// The exchange is "<prefix>events", a consumer's queue "<prefix><consumer>".
    std::string prefix = "guildhall.";
    /// How the broker lists our connections.
    std::string client = "guildhall";
    /// Where handlers run: the subscriptions in turn. At least one when there are subscriptions; they run until stop() has returned.
    std::vector<boost::asio::any_io_executor> executors = {};
    /// Consumers of services that run in other processes. Their queues are made here too: else what is published before their first start would be lost.
    std::vector<Wanted> elsewhere = {};
    std::size_t batch = 256;             // events in one call of a handler, at most
    std::size_t prefetch = 512;          // events of one consumer that are here and not acknowledged, at most
    std::size_t max_outstanding = 8192;  // events that wait for the broker's confirmation; more are refused
    std::chrono::seconds heartbeat{5};   // a broker that is silent for two of these is given up
    std::chrono::milliseconds connect_deadline{2000};  // for a connection to one node, also for each step of its set-up
    std::chrono::milliseconds confirm_deadline{5000};  // from publish() to the broker's confirmation
    std::chrono::milliseconds reconnect_at_most{2000};  // longest pause between two tries to connect
};

/// RabbitMQ 3.10+ by rabbitmq-c, whose calls block: one thread publishes, one receives, each with a connection of its own.
/// One durable topic exchange (routing key: the event's type), one quorum queue a consumer; CloudEvents 1.0 in binary mode. publish() returns
/// when the broker has confirmed each event, so each is on the disks of most of the queue's nodes. A batch is acknowledged when its handler has
/// returned; one that throws is handled again after a back-off, and the consumer's next events wait.
///
/// **Order.** The events of one subject reach a handler in the order in which publish() was called, at their first delivery, because of:
/// publish() calls of one relay follow each other; one connection and channel carries them; a queue keeps the order of a channel; a queue has
/// one active consumer among all replicas (x-single-active-consumer), the others stand by; its calls do not overlap; a failed batch holds the
/// queue. After a lost connection events come again, in the same order, before newer ones. Not promised: order between subjects of different
/// relays; and order at the first delivery when the broker refuses (nacks) one event out of a batch, or when a relay outlives its lease.
///
/// **Once.** Delivery is at least once. Effects happen once by the consumer's inbox, which also counts the tries and keeps the dead letters:
/// the broker never drops an event by itself.
///
/// Neither construction nor start() needs the broker: both threads connect, and connect again, with back-off. Throws std::invalid_argument when a URL
/// is malformed.
std::unique_ptr<Bus> make_rabbitmq_bus(RabbitmqOptions options);

}  // namespace guildhall::bus
