#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "platform/cache/coherence_message.hpp"
#include "platform/realtime/channel.hpp"

namespace guildhall::cache {

/// Coherence of several processes over a live channel. Each service has a stream: who keeps or changes something of it says so there with heartbeats, and numbers the
/// changes it tells, so that who has missed one knows it, and drops everything of the service. Live once two heartbeats of its own came back around the channel, until
/// they no longer do. See docs/adr/0009. Thread-safe.
class ChannelCoherence final : public Coherence {
public:
    /// The times of the protocol; the same in all processes.
    struct Options {
        std::chrono::milliseconds heartbeat_every{500};
        std::chrono::milliseconds echo_within{2000};   // of an own heartbeat; then this process may be cut off
        std::chrono::milliseconds forget_after{3000};  // a process that says nothing
        std::chrono::milliseconds ack_within{250};     // then a process is not waited for until it is heard from again
        std::chrono::microseconds pace{
            250};  // between messages, for each process that answers: what comes meanwhile goes together
    };
    /// `channel` outlives it.
    explicit ChannelCoherence(realtime::Channel& channel) : ChannelCoherence(channel, Options{}) {}
    ChannelCoherence(realtime::Channel& channel, Options options);
    ~ChannelCoherence() override;

    /// Sends what is to be sent, until stop(); then takes leave of the others. Once, when all has registered, on an executor whose messages keep
    /// their order over the channel. Before and after it others learn of nothing that changes here but by the events.
    Task<void> run();
    /// After the last change. Quick.
    void stop();

    std::unique_ptr<Registration> on(std::string_view kind, Drop drop, Clear clear) override;
    Told announce(const Changes& changes) override;
    Task<void> settled(Told told) override;

    /// How many other processes are known that keep or change things of `service`.
    std::size_t count_others(std::string_view service) const;

private:
    using SteadyTime = std::chrono::steady_clock::time_point;
    struct Member;
    struct Service;
    struct Waker;
    struct Outgoing {
        std::string stream;
        CoherenceMessage message;
    };

    void receive(Service& service, std::string_view text);
    void receive_heartbeat(Service& service, const CoherenceMessage& message);
    void receive_changes(Service& service, const CoherenceMessage& message);
    void receive_leave(Service& service, const CoherenceMessage& message);
    void receive_ack(std::string_view text);
    void receive_echo(Service& service, std::uint64_t number);
    void miss(Service& service);

    void wake();
    SteadyTime send_due();
    bool is_sending_due() const;
    std::size_t add_changes(std::vector<Outgoing>& out, SteadyTime now);
    std::size_t add_acks(std::vector<Outgoing>& out);
    void add_heartbeats(std::vector<Outgoing>& out, SteadyTime now);
    void leave();
    void forget_silent();
    void set_live();
    bool hears_all(SteadyTime now) const;
    void give_up(const Told& told);
    template <class IsMeant>
    void stop_waiting(IsMeant is_meant);
    static void end(Turn& turn);

    realtime::Channel& channel_;
    const Options options_;
    const std::string self_;

    std::mutex live_mutex_;     // held while live_ changes, with the clear() that belongs to it; before mutex_
    mutable std::mutex mutex_;  // guards what follows
    std::map<std::string, std::unique_ptr<Service>, std::less<>> services_;
    Told pending_;                // to be sent
    std::deque<Told> sent_;       // and not acknowledged by all
    std::weak_ptr<Waker> waker_;  // of run(), whose timer must not outlive its executor
    bool is_woken_ = false;
    bool is_stopping_ = false;
    bool is_over_ = false;
    SteadyTime next_sending_;
    SteadyTime next_heartbeat_;
    std::unique_ptr<realtime::Channel::Subscription> acks_;
};

}  // namespace guildhall::cache
