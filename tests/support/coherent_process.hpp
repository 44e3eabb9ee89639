#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "platform/cache/channel_coherence.hpp"
#include "platform/cache/local.hpp"
#include "platform/realtime/channel.hpp"
#include "support/await.hpp"

namespace guildhall::test {

/// Short times for tests of faults, with room for a busy machine.
inline cache::ChannelCoherence::Options quick_coherence() {
    using std::chrono::milliseconds;
    return {.heartbeat_every = milliseconds(50),
            .echo_within = milliseconds(600),
            .forget_after = milliseconds(900),
            .ack_within = milliseconds(400)};
}

/// A Coherence with its own thread, like that of another process.
class CoherentProcess {
public:
    explicit CoherentProcess(realtime::Channel& channel, cache::ChannelCoherence::Options options = quick_coherence())
        : coherence_(channel, options) {}
    ~CoherentProcess() { kill(); }
    CoherentProcess(const CoherentProcess&) = delete;
    CoherentProcess& operator=(const CoherentProcess&) = delete;

    /// Call after the last registration.
    void start() {
        boost::asio::co_spawn(io_, coherence_.run(), boost::asio::detached);
        thread_ = std::jthread([this] { io_.run(); });
    }
    /// Starts all and waits until they are live and know each other as caching `service`.
    template <class... Processes>
    static bool join(std::string_view service, Processes&... processes) {
        (processes.start(), ...);
        constexpr std::size_t kOthers = sizeof...(processes) - 1;
        return wait_until([&] {
            return ((processes.coherence().live() && processes.coherence().count_others(service) == kOthers) && ...);
        });
    }
    /// Ends it with a farewell.
    void leave() {
        coherence_.stop();
        if (thread_.joinable()) thread_.join();
    }
    /// Ends it without a farewell.
    void kill() {
        io_.stop();
        if (thread_.joinable()) thread_.join();
    }
    cache::ChannelCoherence& coherence() { return coherence_; }

private:
    cache::ChannelCoherence coherence_;
    boost::asio::io_context io_{1};
    std::jthread thread_;
};

/// A channel as one process sees it. It can be cut off, and can lose a message.
class FragileChannel final : public realtime::Channel {
public:
    explicit FragileChannel(realtime::Channel& channel) : channel_(channel) {}

    std::unique_ptr<Subscription> subscribe(std::string stream, Receiver receive, Missed missed) override {
        auto receive_uncut = [this, receive = std::move(receive)](std::string_view from, std::string_view message) {
            if (!is_cut) receive(from, message);
        };
        return channel_.subscribe(std::move(stream), std::move(receive_uncut), std::move(missed));
    }
    void publish(std::string_view stream, std::string_view message) override { publish_by_carrier(stream, message); }
    void publish_by_carrier(std::string_view stream, std::string_view message) override {
        if (is_cut) return;
        if (message.starts_with("c ")) {
            ++changes;
            if (loses_next_change.exchange(false)) return;
        }
        channel_.publish_by_carrier(stream, message);
        if (message.starts_with("a ")) ++acks;
    }

    std::atomic<bool> is_cut{false};
    std::atomic<bool> loses_next_change{false};
    std::atomic<int> changes{0};  // change messages that were sent
    std::atomic<int> acks{0};

private:
    realtime::Channel& channel_;
};

/// The truth, in place of a database: a number for each of some things.
struct Truth {
    std::array<std::atomic<int>, 64> values{};
};

/// A process that caches what it has read of the truth.
class Replica {
public:
    Replica(realtime::Channel& channel, Truth& truth, cache::ChannelCoherence::Options options = quick_coherence(),
            std::string_view kind = "shop.item")
        : way(channel),
          process(way, options),
          truth_(truth),
          kind_(kind),
          items_(
              1000, [](const int&) -> std::size_t { return 1; }, process.coherence().live()),
          registration_(cache::keep_coherent(process.coherence(), kind, items_)) {}

    int read(std::int64_t id) {
        if (const auto warm = items_.find(id)) return *warm;
        const auto ticket = items_.ticket(id);
        const int value = truth_.values[static_cast<std::size_t>(id)];
        items_.put(id, std::make_shared<const int>(value), ticket);
        return value;
    }
    bool keeps(std::int64_t id) { return items_.find(id) != nullptr; }
    void write(std::int64_t id, int value) {
        truth_.values[static_cast<std::size_t>(id)] = value;
        await(process.coherence().changed({{kind_, {id}}}));
    }
    bool is_live() { return process.coherence().live(); }

    FragileChannel way;
    CoherentProcess process;

private:
    Truth& truth_;
    const std::string_view kind_;
    cache::Local<std::int64_t, int> items_;
    std::unique_ptr<cache::Coherence::Registration> registration_;
};

/// The number of reads, and how many of them returned an older value than a completed write.
struct Reads {
    int all;
    int stale;
};

/// 10,000 writes by four threads, two at each of the replicas, among eight times as many reads at both.
inline Reads read_among_writes(Replica& a, Replica& b) {
    std::array<std::atomic<int>, 16> completed{};  // the newest completed write of each item
    std::atomic<int> stale{0};
    std::atomic<int> reads{0};
    constexpr int kWrites = 2500;
    {
        std::vector<std::jthread> threads;
        for (unsigned seed = 0; seed < 4; ++seed) {
            // Each thread writes its own items, and reads all of them at both replicas.
            threads.emplace_back([&, seed] {
                std::mt19937 random(seed);
                Replica& mine = seed % 2 == 0 ? a : b;
                for (int n = 1; n <= kWrites; ++n) {
                    const auto own = static_cast<std::size_t>(seed * 4 + random() % 4);
                    mine.write(static_cast<std::int64_t>(own), n);
                    completed[own] = n;
                    for (int i = 0; i < 8; ++i) {
                        const auto item = static_cast<std::size_t>(random() % 16);
                        const int least = completed[item];
                        if ((i % 2 == 0 ? a : b).read(static_cast<std::int64_t>(item)) < least) ++stale;
                        ++reads;
                    }
                }
            });
        }
    }
    return {reads, stale};
}

}  // namespace guildhall::test
