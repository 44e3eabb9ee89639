#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "platform/redis/client.hpp"

namespace guildhall::redis {

/// The subscriptions of this process: a connection of its own, made again when it is lost, with all subscriptions. Plain pub/sub, which reaches every
/// node of a Cluster. Thread-safe.
class Subscriber {
public:
    /// What happens, told on the client's thread. Neither may throw.
    struct Listener {
        /// Takes a message.
        std::function<void(std::string_view channel, std::string_view message)> on_message;
        /// Takes note that messages to `channel` arrive from now on; whatever was sent before may have been missed. Once after each subscribe(), and
        /// again whenever the connection was lost and stands again.
        std::function<void(std::string_view channel)> on_subscribed;
    };

    /// Connects in the background. `client` outlives this; from the destructor on nobody is called.
    Subscriber(Client& client, Listener listener);
    ~Subscriber();
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;

    /// Wants the messages to `channel`, and wants them no longer. One takes effect after the other in the order of the calls.
    void subscribe(std::string channel);
    void unsubscribe(std::string channel);

private:
    class State;
    std::shared_ptr<State> state_;
};

}  // namespace guildhall::redis
