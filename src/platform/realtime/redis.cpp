#include "platform/realtime/redis.hpp"

#include <utility>

#include "platform/base/text.hpp"
#include "platform/realtime/listeners.hpp"
#include "platform/redis/subscriber.hpp"

namespace guildhall::realtime {
namespace {

constexpr std::size_t kOriginBytes = 8;

class RedisChannel final : public Channel {
public:
    RedisChannel(redis::Client& client, std::string prefix)
        : client_(client),
          prefix_(std::move(prefix)),
          subscriber_(std::make_shared<redis::Subscriber>(client, listener())) {
        // Weak: subscriptions may outlive the channel, and the client, at shutdown.
        const std::weak_ptr<redis::Subscriber> weak = subscriber_;
        listeners_->on_first = [weak, prefix = prefix_](const std::string& stream) {
            if (const auto subscriber = weak.lock()) subscriber->subscribe(prefix + stream);
        };
        listeners_->on_last = [weak, prefix = prefix_](const std::string& stream) {
            if (const auto subscriber = weak.lock()) subscriber->unsubscribe(prefix + stream);
        };
    }

    std::unique_ptr<Subscription> subscribe(std::string stream, Receiver receive, Missed missed) override {
        return listeners_->add(std::move(stream), std::move(receive), std::move(missed));
    }

    void publish(std::string_view stream, std::string_view message) override {
        send(stream, origin_, message);
        listeners_->deliver(stream, message);
    }

    void publish_by_carrier(std::string_view stream, std::string_view message) override {
        send(stream, std::string(kOriginBytes, '\0'), message);
    }

private:
    void send(std::string_view stream, const std::string& origin, std::string_view message) {
        redis::Command command("PUBLISH");
        command.key(prefix_ + std::string(stream)).argument(origin + std::string(message));
        client_.send(std::move(command));
    }

    // Does not refer to this channel, because the subscriber may live slightly longer.
    redis::Subscriber::Listener listener() const {
        auto on_message = [listeners = listeners_, skip = prefix_.size(), origin = origin_](std::string_view channel,
                                                                                            std::string_view message) {
            // A message of this process was delivered when it was published.
            if (message.size() < kOriginBytes || message.starts_with(origin)) return;
            listeners->deliver(channel.substr(skip), message.substr(kOriginBytes));
        };
        auto on_subscribed = [listeners = listeners_, skip = prefix_.size()](std::string_view channel) {
            listeners->report_missed(channel.substr(skip));
        };
        return {std::move(on_message), std::move(on_subscribed)};
    }

    redis::Client& client_;
    const std::string prefix_;
    const std::string origin_ = random_bytes(kOriginBytes);  // identifies the messages of this process
    const std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
    const std::shared_ptr<redis::Subscriber> subscriber_;
};

}  // namespace

std::unique_ptr<Channel> make_redis_channel(redis::Client& client, std::string prefix) {
    return std::make_unique<RedisChannel>(client, std::move(prefix));
}

}  // namespace guildhall::realtime
