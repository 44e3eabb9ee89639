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

#include "platform/bus/envelope.hpp"
#include "platform/bus/rabbitmq.hpp"

namespace guildhall::bus {

/// What a broker sends without being asked; called by RabbitmqConnection::wait(). May throw Unavailable to give the connection up.
class Incoming {
public:
    virtual ~Incoming() = default;
    /// An event of the consumer on `channel`. `event` is empty when the message is none of ours.
    virtual void delivered(amqp_channel_t channel, std::uint64_t tag, bool is_redelivered,
                           std::optional<Envelope> event);
    /// A mandatory message that no queue has taken. Comes before its confirmation.
    virtual void returned(std::optional<Envelope> event);
    /// The broker has taken (or refused) the message `tag`, or all up to it.
    virtual void confirmed(std::uint64_t tag, bool is_up_to, bool is_taken);
};

/// A connection to one node out of several. Of one thread, but for wake() and abort(). Every call ends within a deadline; each throws
/// Unavailable, and the connection is then good for close() and open() only.
class RabbitmqConnection {
public:
    /// Throws std::invalid_argument when a URL is malformed. `role` is added to the client's name at the broker.
    RabbitmqConnection(const RabbitmqOptions& options, const std::string& role);
    ~RabbitmqConnection();
    RabbitmqConnection(const RabbitmqConnection&) = delete;
    RabbitmqConnection& operator=(const RabbitmqConnection&) = delete;

    /// Connects to the node after the one tried last, and signs in.
    void open();
    /// Says good-bye when `is_orderly`; what was not acknowledged goes back to its queue. Never throws.
    void close(bool is_orderly);

    /// The channel of the methods below.
    void open_channel(amqp_channel_t channel);
    /// Ends `channel`: what it was given and is not acknowledged goes back to the head of its queue. What was sent on it before may still come from wait().
    void close_channel(amqp_channel_t channel);
    /// Makes on channel 1, which is open, the exchange, and the queue of each consumer with its bindings, if they are missing.
    void declare(const std::vector<Wanted>& consumers);
    /// Deletes the queue of `consumer`, if there is one; the number of messages that were in it.
    std::size_t delete_queue(amqp_channel_t channel, const std::string& consumer);
    /// The broker confirms each message that is published on `channel`.
    void confirm_all(amqp_channel_t channel);
    /// Deliveries of the queue of `consumer` begin.
    void consume(amqp_channel_t channel, const std::string& consumer, std::size_t prefetch);

    /// Sends `event` to the exchange, or to the queue of the one consumer that it names.
    void publish(amqp_channel_t channel, const Envelope& event);
    /// All deliveries of `channel` up to `tag` are done.
    void acknowledge(amqp_channel_t channel, std::uint64_t tag);

    /// Waits until the broker has sent something, wake() was called or `limit` has passed; then hands over all that is there. Heartbeats are sent and
    /// checked here: call it more often than they are due.
    void wait(std::chrono::milliseconds limit, Incoming& incoming);

    /// Ends a wait(), the next one if none runs. Thread-safe.
    void wake();
    /// Breaks the connection, so that a call that runs fails now. Thread-safe.
    void abort();

private:
    struct Node {
        std::string host;
        int port;
        std::string user;
        std::string password;
        std::string vhost;
    };
    // A message whose parts are still coming.
    struct Partial {
        bool is_return = false;
        bool is_redelivered = false;
        std::uint64_t tag = 0;
        std::string consumer;  // of a return: the one it was for
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
    int socket_ = -1;  // under the mutex where another thread may look
};

}  // namespace guildhall::bus
