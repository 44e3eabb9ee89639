#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "platform/realtime/channel.hpp"

namespace guildhall::realtime {

/// The subscriptions of this process, by stream. Thread-safe: 16 shards, each with a mutex that is held for one hash
/// look-up.
class Listeners : public std::enable_shared_from_this<Listeners> {
public:
    /// Adds a listener until the subscription is destroyed. The destructor waits for a running call, unless it is
    /// called by it. `on_first` is called when the stream gets its first listener, `on_last` when it has lost its last;
    /// for each stream in order and one at a time. They must not call this object.
    std::unique_ptr<Channel::Subscription> add(std::string stream, Channel::Receiver receive, Channel::Missed missed);
    /// Calls the receivers of `stream`.
    void deliver(std::string_view stream, std::string_view message);
    /// Calls the `missed` functions of `stream`.
    void report_missed(std::string_view stream);

    std::function<void(const std::string& stream)> on_first;
    std::function<void(const std::string& stream)> on_last;

private:
    static constexpr std::size_t kShards = 16;

    struct Listener;
    class Registration;
    using ListenerPointer = std::shared_ptr<Listener>;

    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    struct Shard {
        std::mutex mutex;
        std::unordered_map<std::string, std::vector<ListenerPointer>, TextHash, std::equal_to<>> streams;
    };

    Shard& shard_of(std::string_view stream) { return shards_[TextHash{}(stream) % kShards]; }
    boost::container::small_vector<ListenerPointer, 8> of(std::string_view stream);

    std::array<Shard, kShards> shards_;
};

}  // namespace guildhall::realtime
