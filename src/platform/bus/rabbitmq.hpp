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
    /// "amqp://user:password@host:5672/%2f", one for each node of the cluster, which are tried in turn.
    std::vector<std::string> urls;
    /// The exchange is "<prefix>events", the queue of a consumer "<prefix><consumer>".
    std::string prefix = "guildhall.";
    /// The name of the connections at the broker.
    std::string client = "guildhall";
    /// The executors of the handlers, assigned to the subscriptions in turn. At least one when there are subscriptions.
    /// They must run until stop() has returned.
    std::vector<boost::asio::any_io_executor> executors = {};
    /// Consumers of services that run in other processes. Their queues are created here too: otherwise events that are
    /// published before their first start would be lost.
    std::vector<Wanted> remote_consumers = {};
    std::size_t batch = 256;                            // events per call of a handler, at most
    std::size_t prefetch = 512;                         // unacknowledged events of one consumer, at most
    std::size_t max_outstanding = 8192;                 // events that wait for confirmation; more are refused
    std::chrono::seconds heartbeat{5};                  // the connection ends after two without a sign of the broker
    std::chrono::milliseconds connect_deadline{2000};   // for connecting to one node, and for each step of the set-up
    std::chrono::milliseconds confirm_deadline{5000};   // from publish() to the broker's confirmation
    std::chrono::milliseconds reconnect_at_most{2000};  // the longest pause between two tries
};

/// RabbitMQ 3.10+ by rabbitmq-c, whose calls block: one thread publishes and one receives, each with its own
/// connection. There is one durable topic exchange (the routing key is the type of the event) and one quorum queue per
/// consumer; messages are CloudEvents 1.0 in binary mode. publish() returns when the broker has confirmed each event,
/// which is then on the disks of most nodes of the queue. A batch is acknowledged when its handler has returned. If the
/// handler throws, it is called again after a backoff, and the next events of the consumer wait.
///
/// **Order.** At their first delivery, the events of one subject reach a handler in the order of the publish() calls:
/// the calls of one relay do not overlap; one connection and channel carries them; a queue keeps the order of a
/// channel; a queue has one active consumer among all replicas (x-single-active-consumer), the others stand by; its
/// calls do not overlap; a failed batch holds the queue. After a lost connection, events come again in the same order,
/// before newer ones. Not promised: order between subjects of different relays; order at the first delivery if the
/// broker refuses (nacks) one event of a batch, or if a relay outlives its lease.
///
/// **Once.** Delivery is at least once. The inbox of a consumer makes effects happen once. It also counts the tries and
/// holds the dead letters: the broker never drops an event by itself.
///
/// Neither construction nor start() needs the broker: both threads connect, and reconnect, with backoff. Throws
/// std::invalid_argument when a URL is malformed.
std::unique_ptr<Bus> make_rabbitmq_bus(RabbitmqOptions options);

}  // namespace guildhall::bus
