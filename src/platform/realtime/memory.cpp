#include <array>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "platform/realtime/channel.hpp"

namespace guildhall::realtime {
namespace {

constexpr std::size_t kShards = 16;

struct Listener {
    explicit Listener(Channel::Receiver receiver) : receive(std::move(receiver)) {}
    // Held during a call, so that the end of the subscription waits for it; recursive, so that a receiver may end its own.
    std::recursive_mutex mutex;
    bool is_active = true;
    Channel::Receiver receive;
};
using ListenerPointer = std::shared_ptr<Listener>;

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, std::vector<ListenerPointer>, TextHash, std::equal_to<>> streams;
};

struct Registry {
    std::array<Shard, kShards> shards;
    Shard& shard_of(std::string_view stream) { return shards[TextHash{}(stream) % kShards]; }
};

class MemorySubscription final : public Channel::Subscription {
public:
    MemorySubscription(std::shared_ptr<Registry> registry, std::string stream, ListenerPointer listener)
        : registry_(std::move(registry)), stream_(std::move(stream)), listener_(std::move(listener)) {}

    ~MemorySubscription() override {
        {
            Shard& shard = registry_->shard_of(stream_);
            const std::lock_guard lock(shard.mutex);
            const auto found = shard.streams.find(stream_);
            std::erase(found->second, listener_);
            if (found->second.empty()) shard.streams.erase(found);
        }
        const std::lock_guard lock(listener_->mutex);
        listener_->is_active = false;
    }

private:
    const std::shared_ptr<Registry> registry_;
    const std::string stream_;
    const ListenerPointer listener_;
};

class MemoryChannel final : public Channel {
public:
    std::unique_ptr<Subscription> subscribe(std::string stream, Receiver receive) override {
        auto listener = std::make_shared<Listener>(std::move(receive));
        {
            Shard& shard = registry_->shard_of(stream);
            const std::lock_guard lock(shard.mutex);
            shard.streams[stream].push_back(listener);
        }
        return std::make_unique<MemorySubscription>(registry_, std::move(stream), std::move(listener));
    }

    void publish(std::string_view stream, std::string_view message) override {
        boost::container::small_vector<ListenerPointer, 8> listeners;
        {
            Shard& shard = registry_->shard_of(stream);
            const std::lock_guard lock(shard.mutex);
            const auto found = shard.streams.find(stream);
            if (found == shard.streams.end()) return;
            listeners.assign(found->second.begin(), found->second.end());
        }
        for (const ListenerPointer& listener : listeners) {
            const std::lock_guard lock(listener->mutex);
            if (listener->is_active) listener->receive(stream, message);
        }
    }

private:
    // Shared with the subscriptions, which may outlive the channel at shutdown.
    const std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
};

}  // namespace

std::unique_ptr<Channel> make_memory_channel() { return std::make_unique<MemoryChannel>(); }

}  // namespace guildhall::realtime
