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

/// Coherence of several processes over a live channel. Each service has a stream. A process that caches or changes
/// things of the service sends heartbeats there and numbers its changes, so that a process that missed one notices it
/// and drops everything of the service. A process is live while its own heartbeats come back over the channel, from the
/// second on. See docs/adr/0009. Thread-safe.
class ChannelCoherence final : public Coherence {
public:
    /// The times of the protocol; the same in all processes.
    struct Options {
        std::chrono::milliseconds heartbeat_every{500};
        std::chrono::milliseconds echo_within{2000};   // an own heartbeat; otherwise this process may be cut off
        std::chrono::milliseconds forget_after{3000};  // a process that sends nothing
        std::chrono::milliseconds ack_within{250};  // otherwise the process is not waited for until it sends something
        // Between messages, for each process that answers. Changes that arrive meanwhile are sent together.
        std::chrono::microseconds pace{250};
    };
    /// `channel` outlives it.
    explicit ChannelCoherence(realtime::Channel& channel) : ChannelCoherence(channel, Options{}) {}
    ChannelCoherence(realtime::Channel& channel, Options options);
    ~ChannelCoherence() override;

    /// Sends messages until stop(), then a farewell to the other processes. Call once, after the last registration, on
    /// an executor whose messages keep their order over the channel. While it does not run, other processes learn of
    /// changes by the events only.
    Task<void> run();
    /// Call after the last change. Does not wait.
    void stop();

    std::unique_ptr<Registration> on(std::string_view kind, Drop drop, Clear clear) override;
    AnnouncementPointer announce(const Changes& changes) override;
    Task<void> wait_until_dropped(AnnouncementPointer announcement) override;

    /// The number of other known processes that cache or change things of `service`.
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
    void note_missed(Service& service);

    void wake();
    SteadyTime send_due();
    bool is_sending_due() const;
    std::size_t add_changes(std::vector<Outgoing>& out, SteadyTime now);
    std::size_t add_acks(std::vector<Outgoing>& out);
    void add_heartbeats(std::vector<Outgoing>& out, SteadyTime now);
    void say_leave();
    void forget_silent();
    void set_live();
    bool hears_all_services(SteadyTime now) const;
    void give_up(const AnnouncementPointer& announcement);
    template <class IsMeant>
    void stop_waiting(IsMeant is_meant);
    static void finish(Announcement& announcement);

    realtime::Channel& channel_;
    const Options options_;
    const std::string self_;

    std::mutex live_mutex_;     // held while live_ changes and caches are cleared for it; locked before mutex_
    mutable std::mutex mutex_;  // guards what follows
    std::map<std::string, std::unique_ptr<Service>, std::less<>> services_;
    AnnouncementPointer pending_;           // not sent yet
    std::deque<AnnouncementPointer> sent_;  // not acknowledged by all processes
    std::weak_ptr<Waker> waker_;            // of run(), whose timer must not outlive its executor
    bool is_woken_ = false;
    bool is_stopping_ = false;
    bool is_over_ = false;
    SteadyTime next_sending_;
    SteadyTime next_heartbeat_;
    std::unique_ptr<realtime::Channel::Subscription> acks_;
};

}  // namespace guildhall::cache
