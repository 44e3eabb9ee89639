#include <utility>

#include "platform/realtime/channel.hpp"
#include "platform/realtime/listeners.hpp"

namespace guildhall::realtime {
namespace {

class MemoryChannel final : public Channel {
public:
    std::unique_ptr<Subscription> subscribe(std::string stream, Receiver receive, Missed missed) override {
        return listeners_->add(std::move(stream), std::move(receive), std::move(missed));
    }
    void publish(std::string_view stream, std::string_view message) override { listeners_->deliver(stream, message); }
    void publish_by_carrier(std::string_view stream, std::string_view message) override { publish(stream, message); }

private:
    // Shared with the subscriptions, which may outlive the channel at shutdown.
    const std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
};

}  // namespace

std::unique_ptr<Channel> make_memory_channel() { return std::make_unique<MemoryChannel>(); }

}  // namespace guildhall::realtime
