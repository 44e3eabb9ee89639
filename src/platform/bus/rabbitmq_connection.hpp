#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <amqp.h>

#include "platform/base/result.hpp"
#include "platform/bus/envelope.hpp"
#include "platform/bus/rabbitmq.hpp"

namespace guildhall::bus {

/// The queue of a consumer was deleted. It may be created again after kRecreateAfter.
class QueueDeleted : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// For so long, nobody creates a deleted queue again. If it exists when RabbitMQ (3.10) reports the deletion to a
/// consumer's channel, the broker subscribes the consumer again by itself, without a message to it, and then delivers
/// nothing: 15 of 100 tries.
inline constexpr std::chrono::milliseconds kRecreateAfter{1000};

/// Handles what a broker sends unasked; called by RabbitmqConnection::wait(). May throw Unavailable to end the
/// connection.
class Incoming {
public:
    virtual ~Incoming() = default;
    /// An event of the consumer on `channel`. `event` is empty when the message is not an event.
    virtual void delivered(amqp_channel_t channel, std::uint64_t tag, bool is_redelivered,
                           std::optional<Envelope> event);
    /// A mandatory message that no queue took. Comes before its confirmation.
    virtual void returned(std::optional<Envelope> event);
    /// The broker has taken (or refused) the message `tag`, or all messages up to it.
    virtual void confirmed(std::uint64_t tag, bool is_up_to, bool is_taken);
};

/// A connection to one of several nodes. For one thread, except wake() and abort(). Every call ends within a deadline.
/// Each throws Unavailable; after that only close() and open() may be called.
class RabbitmqConnection {
public:
    /// Throws std::invalid_argument when a URL is malformed. `role` is added to the client's name at the broker.
    RabbitmqConnection(const RabbitmqOptions& options, const std::string& role);
    ~RabbitmqConnection();
    RabbitmqConnection(const RabbitmqConnection&) = delete;
    RabbitmqConnection& operator=(const RabbitmqConnection&) = delete;

    /// Connects to the node after the one tried last, and signs in.
    void open();
    /// Closes the connection, by the protocol when `is_orderly`. Unacknowledged messages return to their queue. Never
    /// throws.
    void close(bool is_orderly);

    /// Opens a channel for the methods below.
    void open_channel(amqp_channel_t channel);
    /// Closes `channel`: its unacknowledged messages return to the head of their queue. Messages that were sent on it
    /// before may still come from wait().
    void close_channel(amqp_channel_t channel);
    /// Creates the exchange, and the queue of each consumer with its bindings, if they are missing. Uses channel 1,
    /// which must be open.
    void declare(const std::vector<Wanted>& consumers);
    /// Deletes the queue of `consumer`, if it exists. Returns the number of messages that were in it.
    std::size_t delete_queue(amqp_channel_t channel, const std::string& consumer);
    /// Makes the broker confirm each message that is published on `channel`.
    void confirm_all(amqp_channel_t channel);
    /// Starts the deliveries from the queue of `consumer`.
    void consume(amqp_channel_t channel, const std::string& consumer, std::size_t prefetch);

    /// Sends `event` to the exchange, or to the queue of the one consumer that it names.
    void publish(amqp_channel_t channel, const Envelope& event);
    /// Acknowledges all deliveries of `channel` up to `tag`.
    void acknowledge(amqp_channel_t channel, std::uint64_t tag);

    /// Waits until the broker has sent something, wake() was called, or `limit` has passed; then passes on everything
    /// that has arrived. Also sends and checks heartbeats: call it more often than they are due.
    void wait(std::chrono::milliseconds limit, Incoming& incoming);

    /// Ends the wait() that runs, or the next one. Thread-safe.
    void wake();
    /// Breaks the connection, so that a running call fails now. Thread-safe.
    void abort();

private:
    struct Node {
        std::string host;
        int port;
        std::string user;
        std::string password;
        std::string vhost;
    };
    // A message whose parts have not all arrived.
    struct Partial {
        bool is_return = false;
        bool is_redelivered = false;
        std::uint64_t tag = 0;
        std::string consumer;  // of a returned message: its consumer
        std::optional<Envelope> event;
        std::uint64_t body_left = 0;
        std::string body;
    };

    static Node read_url(std::string url);
    void sign_in(const Node& node);
    void take(const amqp_frame_t& frame, Incoming& incoming);
    void take_method(amqp_channel_t channel, const amqp_method_t& method, Incoming& incoming);
    void finish(amqp_channel_t channel, Incoming& incoming);
    void check_reply(const char* what);
    static void check(int status, const char* what);
    std::string queue_of(const std::string& consumer) const { return prefix_ + consumer; }

    const std::string prefix_;
    const std::string exchange_;
    const std::string name_;
    const std::chrono::seconds heartbeat_;
    const std::chrono::milliseconds connect_deadline_;
    std::vector<Node> nodes_;
    std::size_t next_node_ = 0;

    amqp_connection_state_t connection_ = nullptr;
    std::map<amqp_channel_t, Partial> partials_;
    int wake_file_ = -1;
    std::mutex socket_mutex_;
    int socket_ = -1;  // under the mutex where another thread may read it
};

}  // namespace guildhall::bus
