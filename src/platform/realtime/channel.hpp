#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace guildhall::realtime {

/// Carries live messages to the sockets of every replica. Best effort: a message may be lost. Therefore facts and
/// sequence numbers are in SQL, and a receiver that misses a number reads it from there. Thread-safe.
class Channel {
public:
    virtual ~Channel() = default;

    using Receiver = std::function<void(std::string_view stream, std::string_view message)>;
    using Missed = std::function<void(std::string_view stream)>;
    /// Ends the subscription when destroyed; neither function is called after that.
    class Subscription {
    public:
        virtual ~Subscription() = default;
    };

    /// Calls `receive` on any thread for each message to `stream` from now on. Calls `missed` whenever messages since
    /// this call, or since the last one received, may have been lost, because the carrier was unavailable or started
    /// the subscription late. A read from SQL after that is complete. Both must be quick and must not throw.
    virtual std::unique_ptr<Subscription> subscribe(std::string stream, Receiver receive, Missed missed = {}) = 0;

    /// Sends `message` to the subscribers of `stream` on all replicas. Does not throw when the carrier is unavailable.
    virtual void publish(std::string_view stream, std::string_view message) = 0;

    /// The same, but the subscribers of this process also get it from the carrier: a message that comes back proves
    /// that the carrier works.
    virtual void publish_by_carrier(std::string_view stream, std::string_view message) = 0;
};

/// The embedded channel, within this process.
std::unique_ptr<Channel> make_memory_channel();

}  // namespace guildhall::realtime
