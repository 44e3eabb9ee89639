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
using Clock = std::chrono::steady_clock;

constexpr std::size_t kSelfBytes = 8;
constexpr std::size_t kHeartbeatsKept = 16;  // whose echo may be on its way

std::string stream_of(std::string_view service) { return "coherence." + std::string(service); }
std::string acks_of(std::string_view process) { return "coherence-acks." + std::string(process); }

metrics::Gauge& liveness() {
    static metrics::Gauge& gauge =
        metrics::gauge("guildhall_coherence_live", "1 while what is kept in memory may be used.");
    return gauge;
}
metrics::Counter& messages() {
    static metrics::Counter& counter = metrics::counter("guildhall_coherence_messages_total",
                                                        "Messages to other processes about what they keep in memory.");
    return counter;
}
metrics::Counter& unanswered() {
    static metrics::Counter& counter =
        metrics::counter("guildhall_coherence_unanswered_total",
                         "Waits for a process that did not say in time that it dropped a change.");
    return counter;
}
metrics::Counter& clears() {
    static metrics::Counter& counter =
        metrics::counter("guildhall_coherence_clears_total",
                         "Times that all of a service was dropped from memory because a change may have been missed.");
    return counter;
}

}  // namespace

struct ChannelCoherence::Waker {
    explicit Waker(const asio::any_io_executor& strand) : executor(strand), timer(strand) {}
    asio::any_io_executor executor;
    asio::steady_timer timer;
};

// Another process.
struct ChannelCoherence::Member {
    std::set<std::string, std::less<>> kinds;
    SteadyTime heard;
    std::uint64_t received = 0;  // its newest change that was dropped here
    bool is_owed_ack = false;
    bool is_given_up = false;
};

struct ChannelCoherence::Service {
    explicit Service(std::string_view of) : name(of), stream(stream_of(of)) {}

    const std::string name;
    const std::string stream;
    std::set<std::string, std::less<>> kinds;  // that are kept here
    std::map<std::string, Member, std::less<>> members;
    std::uint64_t sequence = 0;  // of our changes
    // Our heartbeats.
    std::uint64_t number = 0;
    std::uint64_t first_valid = 1;  // those before were sent before messages were missed
    std::deque<std::pair<std::uint64_t, SteadyTime>> sent;
    std::optional<SteadyTime> first_echoed;  // when it was sent
    SteadyTime last_echoed;
    std::unique_ptr<realtime::Channel::Subscription> subscription;
};

// What was announced between two sendings.
struct Coherence::Turn {
    struct Waiter {
        Waiter(const asio::any_io_executor& of, Clock::time_point deadline) : executor(of), timer(of, deadline) {}
        asio::any_io_executor executor;
        asio::steady_timer timer;
    };
    struct Awaited {
        std::string service;
        std::string process;
        std::uint64_t sequence;
    };
    std::map<std::string, std::vector<std::pair<std::string, std::vector<std::int64_t>>>, std::less<>> changes;
    std::vector<Awaited> awaited;
    std::vector<std::weak_ptr<Waiter>> waiters;
    Clock::time_point give_up_at;  // when nobody waits for it who would
    bool is_over = false;
};

ChannelCoherence::ChannelCoherence(realtime::Channel& channel, Options options)
    : channel_(channel), options_(options), self_(hex(random_bytes(kSelfBytes))) {
    live_ = false;
    liveness().set(0);
    acks_ = channel_.subscribe(acks_of(self_), [this](auto, std::string_view text) { receive_ack(text); });
}

ChannelCoherence::~ChannelCoherence() {
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
        auto subscription = channel_.subscribe(
            fresh->stream, [this, fresh](auto, std::string_view text) { receive(*fresh, text); },
            [this, fresh](auto) { miss(*fresh); });
        const std::lock_guard lock(mutex_);
        fresh->subscription = std::move(subscription);
    }
    if (fresh != nullptr) set_live();
    return registration;
}

Coherence::Told ChannelCoherence::announce(const Changes& changes) {
    drop(changes);
    Told told;
    {
        const std::lock_guard lock(mutex_);
        if (waker_.expired()) return nullptr;
        if (!pending_) pending_ = std::make_shared<Turn>();
        for (const Change& change : changes) {
            if (change.ids.empty()) continue;
            auto& of_service = pending_->changes[std::string(service_of(change.kind))];
            if (of_service.empty() || of_service.back().first != change.kind)
                of_service.emplace_back(change.kind, change.ids);
            else
                of_service.back().second.insert(of_service.back().second.end(), change.ids.begin(), change.ids.end());
        }
        told = pending_;
    }
    wake();
    return told;
}

Task<void> ChannelCoherence::settled(Told told) {
    if (!told) co_return;
    const auto executor = co_await asio::this_coro::executor;
    const auto waiter = std::make_shared<Turn::Waiter>(executor, Clock::now() + options_.ack_within);
    {
        const std::lock_guard lock(mutex_);
        if (told->is_over || waker_.expired()) co_return;
        told->waiters.push_back(waiter);
    }
    boost::system::error_code cancelled;
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    give_up(told);
}

// When the time of `told` is over and some have not answered, nobody waits for those any more.
void ChannelCoherence::give_up(const Told& told) {
    std::set<std::string> silent;
    {
        const std::lock_guard lock(mutex_);
        if (told->is_over) return;
        for (const auto& awaited : told->awaited) silent.insert(awaited.process);
        for (const auto& [name, service] : services_)
            for (auto& [process, member] : service->members)
                if (silent.contains(process)) member.is_given_up = true;
        stop_waiting([&](const Turn::Awaited& awaited) { return silent.contains(awaited.process); });
    }
    for (const std::string& process : silent) {
        unanswered().add();
        spdlog::warn("caches: process {} did not answer in {} ms; it is not waited for until it is heard from", process,
                     options_.ack_within.count());
    }
}

void ChannelCoherence::end(Turn& turn) {
    turn.is_over = true;
    for (const auto& weak : turn.waiters)
        if (const auto waiter = weak.lock()) asio::post(waiter->executor, [waiter] { waiter->timer.cancel(); });
    turn.waiters.clear();
}

// Called with mutex_ held.
template <class IsMeant>
void ChannelCoherence::stop_waiting(IsMeant is_meant) {
    std::erase_if(sent_, [&](const Told& turn) {
        std::erase_if(turn->awaited, is_meant);
        if (!turn->awaited.empty()) return false;
        end(*turn);
        return true;
    });
}

// Receiving.

void ChannelCoherence::receive(Service& service, std::string_view text) {
    const auto message = CoherenceMessage::read(text);
    if (!message) return miss(service);
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
        member.heard = Clock::now();
        member.is_given_up = false;
        member.kinds = {message.kinds.begin(), message.kinds.end()};
        has_missed = message.sequence > member.received;
        // The newcomer learns of us before it changes anything.
        if (is_new) next_heartbeat_ = {};
    }
    if (has_missed) {
        clears().add();
        clear(service.name);
        // Only now: an acknowledgement says that it is dropped.
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
        member.heard = Clock::now();
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
        stop_waiting([&](const Turn::Awaited& awaited) {
            return awaited.process == message.sender && awaited.service == service.name;
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
        member->second.heard = Clock::now();
        member->second.is_given_up = false;
    }
    stop_waiting([&](const Turn::Awaited& awaited) {
        return awaited.process == message->sender && awaited.service == message->service &&
               awaited.sequence <= message->sequence;
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

// Messages may have been missed: what others changed meanwhile is not known here, nor may they know of us.
void ChannelCoherence::miss(Service& service) {
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
            "caches: what other processes changed may have been missed; nothing is kept until they are heard again");
        clears().add();
        clear();
    }
    wake();
}

// Called with mutex_ held. The second heartbeat makes sure that the others had the time to learn of us from the first.
bool ChannelCoherence::hears_all(SteadyTime now) const {
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
        is_live = !is_over_ && hears_all(Clock::now());
        if (!is_live && live_)
            for (const auto& [name, service] : services_) {
                service->first_echoed.reset();
                service->first_valid = service->number + 1;
            }
    }
    if (is_live == live_) return;
    liveness().set(is_live ? 1 : 0);
    if (is_live) {
        // What was read while changes were not heard is older than this clear(), and so is not put.
        clear();
        live_ = true;
        spdlog::info("caches: in use; what other processes change is heard");
    } else {
        live_ = false;
        spdlog::warn("caches: other processes are not heard; nothing is kept until they are");
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

// Sends what is due; says when the next is.
ChannelCoherence::SteadyTime ChannelCoherence::send_due() {
    std::vector<Outgoing> out;
    const SteadyTime now = Clock::now();
    SteadyTime due;
    {
        const std::lock_guard lock(mutex_);
        is_woken_ = false;
        if (now >= next_sending_ || is_stopping_) {
            const std::size_t answers = add_changes(out, now) + add_acks(out);
            if (!out.empty()) next_sending_ = now + options_.pace * std::max<std::size_t>(answers, 1);
        }
        // After the changes, whose number they tell.
        if (now >= next_heartbeat_) add_heartbeats(out, now);
        due = std::min(next_heartbeat_, now + options_.heartbeat_every / 2);
        if (is_sending_due()) due = std::min(due, next_sending_);
    }
    for (const Outgoing& one : out) channel_.publish_around(one.stream, one.message.write());
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

// Called with mutex_ held. The number of answers that will come.
std::size_t ChannelCoherence::add_changes(std::vector<Outgoing>& out, SteadyTime now) {
    const Told turn = std::exchange(pending_, nullptr);
    if (!turn) return 0;
    for (auto& [name, changes] : turn->changes) {
        const auto found = services_.find(name);
        if (found == services_.end()) {
            spdlog::error("caches: {} was changed by a process that has registered for nothing of it", name);
            continue;
        }
        Service& service = *found->second;
        ++service.sequence;
        for (const auto& [process, member] : service.members) {
            const bool keeps = std::ranges::any_of(
                changes, [&kinds = member.kinds](const auto& change) { return kinds.contains(change.first); });
            if (keeps && !member.is_given_up) turn->awaited.push_back({name, process, service.sequence});
        }
        CoherenceMessage message{
            CoherenceMessage::Type::change, self_, service.sequence, 0, {}, {}, std::move(changes)};
        out.push_back({service.stream, std::move(message)});
    }
    turn->give_up_at = now + 2 * options_.ack_within;
    const std::size_t answers = turn->awaited.size();
    if (answers > 0) {
        sent_.push_back(turn);
    } else {
        end(*turn);
    }
    return answers;
}

// Called with mutex_ held. How many there are.
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
        if (service->sent.size() > kHeartbeatsKept) service->sent.pop_front();
        CoherenceMessage message{
            CoherenceMessage::Type::heartbeat, self_, service->sequence, service->number, {}, {}, {}};
        message.kinds.assign(service->kinds.begin(), service->kinds.end());
        out.push_back({service->stream, std::move(message)});
    }
}

// A process that went without taking leave may have committed what it could tell nobody.
void ChannelCoherence::forget_silent() {
    std::vector<std::pair<std::string, std::string>> gone;  // service and process
    std::vector<Told> late;
    {
        const std::lock_guard lock(mutex_);
        const SteadyTime now = Clock::now();
        for (const auto& [name, service] : services_) {
            std::erase_if(service->members, [&](const auto& member) {
                const bool is_silent = member.second.heard + options_.forget_after < now;
                if (is_silent) gone.emplace_back(name, member.first);
                return is_silent;
            });
        }
        for (const auto& [service, process] : gone)
            stop_waiting(
                [&](const Turn::Awaited& awaited) { return awaited.process == process && awaited.service == service; });
        for (const Told& turn : sent_)
            if (turn->give_up_at < now) late.push_back(turn);
    }
    for (const auto& [service, process] : gone) {
        spdlog::warn("caches: process {} went silent; what is kept of {} is dropped", process, service);
        clears().add();
        clear(service);
    }
    for (const Told& turn : late) give_up(turn);
}

void ChannelCoherence::leave() {
    std::vector<Outgoing> out;
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
        waker_.reset();
        for (const auto& [name, service] : services_)
            out.push_back({service->stream, {CoherenceMessage::Type::leave, self_, service->sequence, 0, {}, {}, {}}});
        for (const Told& turn : sent_) end(*turn);
        if (pending_) end(*pending_);
        sent_.clear();
        pending_ = nullptr;
    }
    for (const Outgoing& one : out) channel_.publish_around(one.stream, one.message.write());
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
            // A wake() from here on is handled on this strand, so after the wait has begun.
            waker->timer.expires_at(due);
            boost::system::error_code cancelled;
            co_await waker->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
        }
        leave();
    };
    co_await asio::co_spawn(strand, loop(), asio::use_awaitable);
}

std::size_t ChannelCoherence::count_others(std::string_view service) const {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    return found == services_.end() ? 0 : found->second->members.size();
}

}  // namespace guildhall::cache
