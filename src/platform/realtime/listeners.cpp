#include "platform/realtime/listeners.hpp"

#include <utility>

namespace guildhall::realtime {

struct Listeners::Listener {
    Listener(Channel::Receiver receiver, Channel::Missed on_missed)
        : receive(std::move(receiver)), missed(std::move(on_missed)) {}
    // Held during a call, so that the end of the subscription waits for it. Recursive, so that a receiver may end its
    // own subscription.
    std::recursive_mutex mutex;
    bool is_active = true;
    Channel::Receiver receive;
    Channel::Missed missed;
};

class Listeners::Registration final : public Channel::Subscription {
public:
    Registration(std::shared_ptr<Listeners> listeners, std::string stream, ListenerPointer listener)
        : listeners_(std::move(listeners)), stream_(std::move(stream)), listener_(std::move(listener)) {}

    ~Registration() override {
        {
            Shard& shard = listeners_->shard_of(stream_);
            const std::lock_guard lock(shard.mutex);
            const auto found = shard.streams.find(stream_);
            std::erase(found->second, listener_);
            if (found->second.empty()) {
                shard.streams.erase(found);
                if (listeners_->on_last) listeners_->on_last(stream_);
            }
        }
        const std::lock_guard lock(listener_->mutex);
        listener_->is_active = false;
    }

private:
    const std::shared_ptr<Listeners> listeners_;
    const std::string stream_;
    const ListenerPointer listener_;
};

std::unique_ptr<Channel::Subscription> Listeners::add(std::string stream, Channel::Receiver receive,
                                                      Channel::Missed missed) {
    auto listener = std::make_shared<Listener>(std::move(receive), std::move(missed));
    {
        Shard& shard = shard_of(stream);
        const std::lock_guard lock(shard.mutex);
        auto& listeners = shard.streams[stream];
        listeners.push_back(listener);
        if (listeners.size() == 1 && on_first) on_first(stream);
    }
    return std::make_unique<Registration>(shared_from_this(), std::move(stream), std::move(listener));
}

boost::container::small_vector<Listeners::ListenerPointer, 8> Listeners::of(std::string_view stream) {
    Shard& shard = shard_of(stream);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.streams.find(stream);
    if (found == shard.streams.end()) return {};
    return {found->second.begin(), found->second.end()};
}

void Listeners::deliver(std::string_view stream, std::string_view message) {
    for (const ListenerPointer& listener : of(stream)) {
        const std::lock_guard lock(listener->mutex);
        if (listener->is_active) listener->receive(stream, message);
    }
}

void Listeners::report_missed(std::string_view stream) {
    for (const ListenerPointer& listener : of(stream)) {
        const std::lock_guard lock(listener->mutex);
        if (listener->is_active && listener->missed) listener->missed(stream);
    }
}

}  // namespace guildhall::realtime
