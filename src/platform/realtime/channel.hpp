#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace guildhall::realtime {

/// Carries live messages to the sockets of every replica. Best effort: a message may be lost, so truth and sequence numbers are in SQL, and the
/// receiver that misses a number reads it from there. Thread-safe.
class Channel {
public:
    virtual ~Channel() = default;

    using Receiver = std::function<void(std::string_view stream, std::string_view message)>;
    using Missed = std::function<void(std::string_view stream)>;
    /// Ends the subscription when destroyed; after that neither function is called.
    class Subscription {
    public:
        virtual ~Subscription() = default;
    };

    /// Calls `receive` on any thread for each message to `stream` from now on, and `missed` whenever messages since this call, or since the last one
    /// received, may have been lost: the carrier was away, or has taken this subscription up later than asked. What is read from SQL after that is
    /// complete. Both must be quick and not throw.
    virtual std::unique_ptr<Subscription> subscribe(std::string stream, Receiver receive, Missed missed = {}) = 0;

    /// Sends `message` to the subscribers of `stream` on all replicas. Never throws because a carrier is away.
    virtual void publish(std::string_view stream, std::string_view message) = 0;

    /// The same, but to the subscribers of this process, too, it comes by way of the carrier: a message that comes back proves that the carrier works.
    virtual void publish_around(std::string_view stream, std::string_view message) = 0;
};

/// The embedded channel: within this process.
std::unique_ptr<Channel> make_memory_channel();

}  // namespace guildhall::realtime
