#include "platform/cache/channel_coherence.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "platform/base/metrics.hpp"
#include "platform/base/text.hpp"

namespace guildhall::cache {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kSelfBytes = 8;
constexpr std::size_t kMaxHeartbeats = 16;  // whose echo may still arrive
constexpr const char* kOthersMetric = "guildhall_coherence_others";
constexpr const char* kOthersHelp = "Other processes that this one knows to cache values of a service.";

std::string stream_of(std::string_view service) { return "coherence." + std::string(service); }
std::string acks_of(std::string_view process) { return "coherence-acks." + std::string(process); }

metrics::Gauge& liveness() {
    static metrics::Gauge& gauge = metrics::gauge("guildhall_coherence_live", "1 while cached values may be used.");
    return gauge;
}
metrics::Counter& messages() {
    static metrics::Counter& counter =
        metrics::counter("guildhall_coherence_messages_total", "Messages to other processes about cached values.");
    return counter;
}
metrics::Counter& unanswered() {
    static metrics::Counter& counter = metrics::counter("guildhall_coherence_unanswered_total",
                                                        "Waits for a process that did not confirm a change in time.");
    return counter;
}
metrics::Counter& clears() {
    static metrics::Counter& counter =
        metrics::counter("guildhall_coherence_clears_total",
                         "Times that everything of a service was dropped because a change may have been missed.");
    return counter;
}

}  // namespace

struct ChannelCoherence::Waker {
    explicit Waker(const asio::any_io_executor& strand) : executor(strand), timer(strand) {}
    asio::any_io_executor executor;
    asio::steady_timer timer;
};

// Another process that caches or changes things of a service.
struct ChannelCoherence::Member {
    std::set<std::string, std::less<>> kinds;
    SteadyTime heard;
    std::uint64_t received = 0;  // its newest change that was applied here
    bool is_owed_ack = false;
    bool is_given_up = false;
};

struct ChannelCoherence::Service {
    explicit Service(std::string_view of) : name(of), stream(stream_of(of)) {}

    const std::string name;
    const std::string stream;
    std::set<std::string, std::less<>> kinds;  // cached here
    std::map<std::string, Member, std::less<>> members;
    std::uint64_t sequence = 0;  // of our changes
    // Our heartbeats.
    std::uint64_t number = 0;
    std::uint64_t first_valid = 1;  // earlier ones were sent before messages were missed
    std::deque<std::pair<std::uint64_t, SteadyTime>> sent;
    std::optional<SteadyTime> first_echoed;  // the time at which it was sent
    SteadyTime last_echoed;
    std::unique_ptr<realtime::Channel::Subscription> subscription;
};

// The changes that were announced between two messages.
struct Coherence::Announcement {
    struct Waiter {
        Waiter(const asio::any_io_executor& of, SteadyClock::time_point deadline) : executor(of), timer(of, deadline) {}
        asio::any_io_executor executor;
        asio::steady_timer timer;
    };
    struct Missing {
        std::string service;
        std::string process;
        std::uint64_t sequence;
    };
    std::map<std::string, std::vector<std::pair<std::string, std::vector<std::int64_t>>>, std::less<>> changes;
    std::vector<Missing> missing;
    std::vector<std::weak_ptr<Waiter>> waiters;
    SteadyClock::time_point give_up_at;  // for when no caller waits for it
    bool is_over = false;
};

ChannelCoherence::ChannelCoherence(realtime::Channel& channel, Options options)
    : channel_(channel), options_(options), self_(hex(random_bytes(kSelfBytes))) {
    live_ = false;
    liveness().set(0);
    acks_ = channel_.subscribe(acks_of(self_), [this](auto, std::string_view text) { receive_ack(text); });
}

ChannelCoherence::~ChannelCoherence() {
    for (const auto& [name, service] : services_)
        metrics::gauge_callback(kOthersMetric, kOthersHelp, {{"service", name}}, [] { return 0.0; });
    acks_.reset();
    for (const auto& [name, service] : services_) service->subscription.reset();
}

std::unique_ptr<Coherence::Registration> ChannelCoherence::on(std::string_view kind, Drop drop, Clear clear) {
    auto registration = Coherence::on(kind, std::move(drop), std::move(clear));
    const std::string name(service_of(kind));
    Service* fresh = nullptr;
    {
        const std::lock_guard lock(mutex_);
        auto& service = services_[name];
        if (!service) {
            service = std::make_unique<Service>(name);
            fresh = service.get();
        }
        service->kinds.emplace(kind);
    }
    if (fresh != nullptr) {
        metrics::gauge_callback(kOthersMetric, kOthersHelp, {{"service", name}},
                                [this, name] { return static_cast<double>(count_others(name)); });
        auto subscription = channel_.subscribe(
            fresh->stream, [this, fresh](auto, std::string_view text) { receive(*fresh, text); },
            [this, fresh](auto) { note_missed(*fresh); });
        const std::lock_guard lock(mutex_);
        fresh->subscription = std::move(subscription);
    }
    if (fresh != nullptr) set_live();
    return registration;
}

Coherence::AnnouncementPointer ChannelCoherence::announce(const Changes& changes) {
    drop(changes);
    AnnouncementPointer announcement;
    {
        const std::lock_guard lock(mutex_);
        if (waker_.expired()) return nullptr;
        if (!pending_) pending_ = std::make_shared<Announcement>();
        for (const Change& change : changes) {
            if (change.ids.empty()) continue;
            auto& of_service = pending_->changes[std::string(service_of(change.kind))];
            if (of_service.empty() || of_service.back().first != change.kind)
                of_service.emplace_back(change.kind, change.ids);
            else
                of_service.back().second.insert(of_service.back().second.end(), change.ids.begin(), change.ids.end());
        }
        announcement = pending_;
    }
    wake();
    return announcement;
}

Task<void> ChannelCoherence::wait_until_dropped(AnnouncementPointer announcement) {
    if (!announcement) co_return;
    const auto executor = co_await asio::this_coro::executor;
    const auto waiter = std::make_shared<Announcement::Waiter>(executor, SteadyClock::now() + options_.ack_within);
    {
        const std::lock_guard lock(mutex_);
        if (announcement->is_over || waker_.expired()) co_return;
        announcement->waiters.push_back(waiter);
    }
    boost::system::error_code cancelled;
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    give_up(announcement);
}

// The deadline of `announcement` has passed: callers stop waiting for the processes that have not answered.
void ChannelCoherence::give_up(const AnnouncementPointer& announcement) {
    std::set<std::string> silent;
    {
        const std::lock_guard lock(mutex_);
        if (announcement->is_over) return;
        for (const auto& missing : announcement->missing) silent.insert(missing.process);
        for (const auto& [name, service] : services_)
            for (auto& [process, member] : service->members)
                if (silent.contains(process)) member.is_given_up = true;
        stop_waiting([&](const Announcement::Missing& missing) { return silent.contains(missing.process); });
    }
    for (const std::string& process : silent) {
        unanswered().add();
        spdlog::warn("caches: process {} did not answer within {} ms; it is not waited for until it sends something",
                     process, options_.ack_within.count());
    }
}

void ChannelCoherence::finish(Announcement& announcement) {
    announcement.is_over = true;
    for (const auto& weak : announcement.waiters)
        if (const auto waiter = weak.lock()) asio::post(waiter->executor, [waiter] { waiter->timer.cancel(); });
    announcement.waiters.clear();
}

// Called with mutex_ held.
template <class IsMeant>
void ChannelCoherence::stop_waiting(IsMeant is_meant) {
    std::erase_if(sent_, [&](const AnnouncementPointer& announcement) {
        std::erase_if(announcement->missing, is_meant);
        if (!announcement->missing.empty()) return false;
        finish(*announcement);
        return true;
    });
}

// Receiving.

void ChannelCoherence::receive(Service& service, std::string_view text) {
    const auto message = CoherenceMessage::read(text);
    if (!message) return note_missed(service);
    switch (message->type) {
    case CoherenceMessage::Type::heartbeat:
        if (message->sender == self_) return receive_echo(service, message->number);
        return receive_heartbeat(service, *message);
    case CoherenceMessage::Type::change:
        if (message->sender != self_) receive_changes(service, *message);
        return;
    case CoherenceMessage::Type::leave:
        if (message->sender != self_) receive_leave(service, *message);
        return;
    case CoherenceMessage::Type::ack: return;
    }
}

void ChannelCoherence::receive_heartbeat(Service& service, const CoherenceMessage& message) {
    bool has_missed = false;
    bool is_new = false;
    {
        const std::lock_guard lock(mutex_);
        const auto [found, is_first] = service.members.try_emplace(message.sender);
        Member& member = found->second;
        is_new = is_first;
        member.heard = SteadyClock::now();
        member.is_given_up = false;
        member.kinds = {message.kinds.begin(), message.kinds.end()};
        has_missed = message.sequence > member.received;
        // So that the new process knows this one before it changes anything.
        if (is_new) next_heartbeat_ = {};
    }
    if (has_missed) {
        clears().add();
        clear(service.name);
        // Only now, because an acknowledgement means that the change was applied.
        const std::lock_guard lock(mutex_);
        Member& member = service.members[message.sender];
        member.received = std::max(member.received, message.sequence);
    }
    if (is_new) wake();
}

void ChannelCoherence::receive_changes(Service& service, const CoherenceMessage& message) {
    bool has_missed = false;
    {
        const std::lock_guard lock(mutex_);
        Member& member = service.members[message.sender];
        has_missed = message.sequence > member.received + 1;
    }
    if (has_missed) {
        clears().add();
        clear(service.name);
    } else {
        for (const auto& [kind, ids] : message.changes) drop(kind, ids);
    }
    {
        const std::lock_guard lock(mutex_);
        Member& member = service.members[message.sender];
        member.heard = SteadyClock::now();
        member.is_given_up = false;
        member.received = std::max(member.received, message.sequence);
        member.is_owed_ack = member.is_owed_ack || std::ranges::any_of(message.changes, [&](const auto& change) {
                                 return service.kinds.contains(change.first);
                             });
        if (!member.is_owed_ack) return;
    }
    wake();
}

void ChannelCoherence::receive_leave(Service& service, const CoherenceMessage& message) {
    bool has_missed = false;
    {
        const std::lock_guard lock(mutex_);
        const auto member = service.members.find(message.sender);
        if (member == service.members.end()) return;
        has_missed = message.sequence > member->second.received;
        service.members.erase(member);
        stop_waiting([&](const Announcement::Missing& missing) {
            return missing.process == message.sender && missing.service == service.name;
        });
    }
    if (!has_missed) return;
    clears().add();
    clear(service.name);
}

void ChannelCoherence::receive_ack(std::string_view text) {
    const auto message = CoherenceMessage::read(text);
    if (!message || message->type != CoherenceMessage::Type::ack) return;
    const std::lock_guard lock(mutex_);
    const auto service = services_.find(message->service);
    if (service == services_.end()) return;
    const auto member = service->second->members.find(message->sender);
    if (member != service->second->members.end()) {
        member->second.heard = SteadyClock::now();
        member->second.is_given_up = false;
    }
    stop_waiting([&](const Announcement::Missing& missing) {
        return missing.process == message->sender && missing.service == message->service &&
               missing.sequence <= message->sequence;
    });
}

void ChannelCoherence::receive_echo(Service& service, std::uint64_t number) {
    {
        const std::lock_guard lock(mutex_);
        while (!service.sent.empty() && service.sent.front().first < number) service.sent.pop_front();
        if (service.sent.empty() || service.sent.front().first != number || number < service.first_valid) return;
        service.last_echoed = service.sent.front().second;
        if (!service.first_echoed) service.first_echoed = service.last_echoed;
    }
    set_live();
}

// Messages may have been missed: changes by other processes are unknown here, and they may not know this process.
void ChannelCoherence::note_missed(Service& service) {
    const std::lock_guard live_lock(live_mutex_);
    {
        const std::lock_guard lock(mutex_);
        service.first_echoed.reset();
        service.first_valid = service.number + 1;
        next_heartbeat_ = {};
    }
    if (live_.exchange(false)) {
        liveness().set(0);
        spdlog::warn(
            "caches: changes by other processes may have been missed; nothing is cached until they arrive again");
        clears().add();
        clear();
    }
    wake();
}

// Called with mutex_ held. The second heartbeat ensures that the others had time to learn of this process from the
// first.
bool ChannelCoherence::hears_all_services(SteadyTime now) const {
    return std::ranges::all_of(services_, [&](const auto& entry) {
        const Service& service = *entry.second;
        return service.first_echoed && service.last_echoed - *service.first_echoed >= options_.heartbeat_every / 2 &&
               now - service.last_echoed <= options_.echo_within;
    });
}

void ChannelCoherence::set_live() {
    const std::lock_guard live_lock(live_mutex_);
    bool is_live = false;
    {
        const std::lock_guard lock(mutex_);
        is_live = !is_over_ && hears_all_services(SteadyClock::now());
        if (!is_live && live_)
            for (const auto& [name, service] : services_) {
                service->first_echoed.reset();
                service->first_valid = service->number + 1;
            }
    }
    if (is_live == live_) return;
    liveness().set(is_live ? 1 : 0);
    if (is_live) {
        // Values that were read while changes were missed are older than this clear(), so they are not stored.
        clear();
        live_ = true;
        spdlog::info("caches: in use; changes by other processes arrive");
    } else {
        live_ = false;
        spdlog::warn("caches: messages of other processes do not arrive; nothing is cached until they do");
        clears().add();
        clear();
    }
}

// Sending.

void ChannelCoherence::wake() {
    const std::lock_guard lock(mutex_);
    const auto waker = waker_.lock();
    if (!waker || std::exchange(is_woken_, true)) return;
    asio::post(waker->executor, [waker] { waker->timer.cancel(); });
}

void ChannelCoherence::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake();
}

// Sends the messages that are due. Returns when the next ones are.
ChannelCoherence::SteadyTime ChannelCoherence::send_due() {
    std::vector<Outgoing> out;
    const SteadyTime now = SteadyClock::now();
    SteadyTime due;
    {
        const std::lock_guard lock(mutex_);
        is_woken_ = false;
        if (now >= next_sending_ || is_stopping_) {
            const std::size_t answers = add_changes(out, now) + add_acks(out);
            if (!out.empty()) next_sending_ = now + options_.pace * std::max<std::size_t>(answers, 1);
        }
        // After the changes, whose newest number they contain.
        if (now >= next_heartbeat_) add_heartbeats(out, now);
        due = std::min(next_heartbeat_, now + options_.heartbeat_every / 2);
        if (is_sending_due()) due = std::min(due, next_sending_);
    }
    for (const Outgoing& one : out) channel_.publish_by_carrier(one.stream, one.message.write());
    if (!out.empty()) messages().add(static_cast<double>(out.size()));
    forget_silent();
    set_live();
    return due;
}

// Called with mutex_ held.
bool ChannelCoherence::is_sending_due() const {
    return pending_ || std::ranges::any_of(services_, [](const auto& entry) {
               return std::ranges::any_of(entry.second->members,
                                          [](const auto& member) { return member.second.is_owed_ack; });
           });
}

// Called with mutex_ held. Returns the number of answers to expect.
std::size_t ChannelCoherence::add_changes(std::vector<Outgoing>& out, SteadyTime now) {
    const AnnouncementPointer announcement = std::exchange(pending_, nullptr);
    if (!announcement) return 0;
    for (auto& [name, changes] : announcement->changes) {
        const auto found = services_.find(name);
        if (found == services_.end()) {
            spdlog::error("caches: {} was changed, and nothing of it is registered in this process", name);
            continue;
        }
        Service& service = *found->second;
        ++service.sequence;
        for (const auto& [process, member] : service.members) {
            const bool keeps = std::ranges::any_of(
                changes, [&kinds = member.kinds](const auto& change) { return kinds.contains(change.first); });
            if (keeps && !member.is_given_up) announcement->missing.push_back({name, process, service.sequence});
        }
        CoherenceMessage message{
            CoherenceMessage::Type::change, self_, service.sequence, 0, {}, {}, std::move(changes)};
        out.push_back({service.stream, std::move(message)});
    }
    announcement->give_up_at = now + 2 * options_.ack_within;
    const std::size_t answers = announcement->missing.size();
    if (answers > 0) {
        sent_.push_back(announcement);
    } else {
        finish(*announcement);
    }
    return answers;
}

// Called with mutex_ held. Returns their number.
std::size_t ChannelCoherence::add_acks(std::vector<Outgoing>& out) {
    const std::size_t before = out.size();
    for (const auto& [name, service] : services_) {
        for (auto& [process, member] : service->members) {
            if (!std::exchange(member.is_owed_ack, false)) continue;
            out.push_back({acks_of(process), {CoherenceMessage::Type::ack, self_, member.received, 0, name, {}, {}}});
        }
    }
    return out.size() - before;
}

// Called with mutex_ held.
void ChannelCoherence::add_heartbeats(std::vector<Outgoing>& out, SteadyTime now) {
    next_heartbeat_ = now + options_.heartbeat_every;
    for (const auto& [name, service] : services_) {
        service->sent.emplace_back(++service->number, now);
        if (service->sent.size() > kMaxHeartbeats) service->sent.pop_front();
        CoherenceMessage message{
            CoherenceMessage::Type::heartbeat, self_, service->sequence, service->number, {}, {}, {}};
        message.kinds.assign(service->kinds.begin(), service->kinds.end());
        out.push_back({service->stream, std::move(message)});
    }
}

// A process that ended without a farewell may have committed changes that it did not announce.
void ChannelCoherence::forget_silent() {
    std::vector<std::pair<std::string, std::string>> gone;  // service and process
    std::vector<AnnouncementPointer> late;
    {
        const std::lock_guard lock(mutex_);
        const SteadyTime now = SteadyClock::now();
        for (const auto& [name, service] : services_) {
            std::erase_if(service->members, [&](const auto& member) {
                const bool is_silent = member.second.heard + options_.forget_after < now;
                if (is_silent) gone.emplace_back(name, member.first);
                return is_silent;
            });
        }
        for (const auto& [service, process] : gone)
            stop_waiting([&](const Announcement::Missing& missing) {
                return missing.process == process && missing.service == service;
            });
        for (const AnnouncementPointer& announcement : sent_)
            if (announcement->give_up_at < now) late.push_back(announcement);
    }
    for (const auto& [service, process] : gone) {
        spdlog::warn("caches: process {} sends nothing any more; everything of {} is dropped", process, service);
        clears().add();
        clear(service);
    }
    for (const AnnouncementPointer& announcement : late) give_up(announcement);
}

void ChannelCoherence::say_leave() {
    std::vector<Outgoing> out;
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
        waker_.reset();
        for (const auto& [name, service] : services_)
            out.push_back({service->stream, {CoherenceMessage::Type::leave, self_, service->sequence, 0, {}, {}, {}}});
        for (const AnnouncementPointer& announcement : sent_) finish(*announcement);
        if (pending_) finish(*pending_);
        sent_.clear();
        pending_ = nullptr;
    }
    for (const Outgoing& one : out) channel_.publish_by_carrier(one.stream, one.message.write());
    set_live();
}

Task<void> ChannelCoherence::run() {
    const auto strand = asio::make_strand(co_await asio::this_coro::executor);
    auto loop = [this, strand]() -> Task<void> {
        const auto waker = std::make_shared<Waker>(strand);
        {
            const std::lock_guard lock(mutex_);
            waker_ = waker;
        }
        for (;;) {
            const SteadyTime due = send_due();
            {
                const std::lock_guard lock(mutex_);
                if (is_woken_) continue;
                if (is_stopping_) break;
            }
            // A wake() from here on runs on this strand, so after the wait has begun.
            waker->timer.expires_at(due);
            boost::system::error_code cancelled;
            co_await waker->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        }
        say_leave();
    };
    co_await asio::co_spawn(strand, loop(), asio::use_awaitable);
}

std::size_t ChannelCoherence::count_others(std::string_view service) const {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    return found == services_.end() ? 0 : found->second->members.size();
}

}  // namespace guildhall::cache
