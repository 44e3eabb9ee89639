#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "platform/redis/client.hpp"

namespace guildhall::redis {

/// The subscriptions of this process, on a connection of their own, which is remade when it is lost. Plain pub/sub,
/// which reaches every node of a Cluster. Thread-safe.
class Subscriber {
public:
    /// Called on the client's thread. Must not throw.
    struct Listener {
        /// A message has arrived.
        std::function<void(std::string_view channel, std::string_view message)> on_message;
        /// Messages to `channel` arrive from now on; earlier ones may have been missed. Called once after each
        /// subscribe(), and again after each reconnection.
        std::function<void(std::string_view channel)> on_subscribed;
    };

    /// Connects in the background. `client` outlives this. The listener is not called once the destructor has begun.
    Subscriber(Client& client, Listener listener);
    ~Subscriber();
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;

    /// Starts or ends the delivery of messages to `channel`. The calls take effect in their order.
    void subscribe(std::string channel);
    void unsubscribe(std::string channel);

private:
    class State;
    std::shared_ptr<State> state_;
};

}  // namespace guildhall::redis
