#include "platform/bus/rabbitmq_receiver.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "platform/async/backoff.hpp"
#include "platform/async/task_group.hpp"
#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"
#include "platform/bus/rabbitmq_connection.hpp"

namespace guildhall::bus {
namespace {

using std::chrono::milliseconds;

constexpr amqp_channel_t kSetUpChannel = 1;
constexpr amqp_channel_t kFirstConsumer = 2;
constexpr milliseconds kFirstReceiverReconnect{50};
constexpr milliseconds kFirstRetry{20};
constexpr milliseconds kLongestRetry{2000};
// So that events do not circle quickly among processes that all refuse them.
constexpr milliseconds kHandOverAfter{500};

struct Delivered {
    std::uint64_t tag;
    std::optional<Envelope> event;  // empty: the message is not an event
};

// A subscription and its channel. For the thread only, except what is const.
struct Consumer {
    Consumer(Subscription of, amqp_channel_t on, boost::asio::any_io_executor runs_on)
        : subscription(std::move(of)), channel(on), executor(std::move(runs_on)) {}

    const Subscription subscription;
    const amqp_channel_t channel;
    const boost::asio::any_io_executor executor;
    std::deque<Delivered> waiting;
    bool is_leaving = false;  // messages that still arrive on the channel have returned to the queue
    bool is_busy = false;     // also while a handler runs for a lost connection: its calls must not overlap

    const metrics::Labels labels{{"consumer", subscription.consumer}};
    metrics::Counter& redelivered =
        metrics::counter("guildhall_bus_redelivered_total",
                         "Events that were delivered again because they were not acknowledged.", labels);
    metrics::Counter& retries =
        metrics::counter("guildhall_bus_retries_total", "Batches that were handled again after a failure.", labels);
    metrics::Counter& handed_over = metrics::counter(
        "guildhall_bus_handed_over_total", "Times that a consumer left its events to another process.", labels);
    metrics::Counter& unreadable =
        metrics::counter("guildhall_bus_unreadable_total", "Messages in the queue that are not events.", labels);
};

// The end of a handler.
struct Done {
    Consumer* consumer;
    std::uint64_t session;
    std::uint64_t tag;  // of the last event that is done; 0 when none is
    bool hands_over;
};

}  // namespace

struct RabbitmqReceiver::State final : Incoming, std::enable_shared_from_this<RabbitmqReceiver::State> {
    State(const RabbitmqOptions& given, std::vector<Subscription> subscriptions)
        : options(given), connection(given, "receiver") {
        if (!subscriptions.empty() && options.executors.empty())
            throw std::invalid_argument("RabbitMQ: no executor for the handlers");
        for (Subscription& one : subscriptions) {
            const std::size_t n = consumers.size();
            consumers.emplace_back(std::move(one), static_cast<amqp_channel_t>(kFirstConsumer + n),
                                   options.executors[n % options.executors.size()]);
        }
    }

    void run();
    void connect();
    void serve();
    void delivered(amqp_channel_t channel, std::uint64_t tag, bool is_redelivered,
                   std::optional<Envelope> event) override;
    void begin(Consumer& consumer);
    Task<void> handle(Consumer& consumer, std::vector<Envelope> events, std::uint64_t in_session,
                      std::vector<std::uint64_t> tags);
    void hand_over(Consumer& consumer);
    void take_done();
    void pause(milliseconds duration);

    const RabbitmqOptions options;
    RabbitmqConnection connection;
    std::deque<Consumer> consumers;
    std::thread thread;
    TaskGroup tasks;

    std::atomic<std::uint64_t> session{0};  // the number of connections so far; a tag belongs to one of them
    std::atomic<bool> is_stopping{false};   // no new batch starts
    std::atomic<bool> is_ending{false};     // the thread ends
    std::atomic<bool> is_connected{false};
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<Done> done;  // under the mutex

    metrics::Gauge& connected =
        metrics::gauge("guildhall_bus_connected", "1 while connected to RabbitMQ.", {{"role", "receiver"}});
};

void RabbitmqReceiver::State::run() {
    Backoff backoff(kFirstReceiverReconnect, options.reconnect_at_most);
    std::string reason;
    while (!is_ending) {
        milliseconds pause_at_least{0};
        try {
            connect();
            backoff.reset();
            reason.clear();
            serve();
        } catch (const std::exception& error) {
            // Once per reason: the broker may be unavailable for hours.
            if (std::exchange(reason, error.what()) != reason) spdlog::warn("receiving: {}", reason);
            if (dynamic_cast<const QueueDeleted*>(&error) != nullptr) pause_at_least = kRecreateAfter;
        }
        connected.set(0);
        ++session;
        connection.close(is_connected.exchange(false) && is_ending);
        for (Consumer& consumer : consumers) {
            consumer.waiting.clear();
            consumer.is_leaving = false;
        }
        if (!is_ending) pause(std::max(backoff.next(), pause_at_least));
    }
}

void RabbitmqReceiver::State::connect() {
    connection.open();
    connection.open_channel(kSetUpChannel);
    std::vector<Wanted> wanted;
    wanted.reserve(consumers.size());
    for (const Consumer& consumer : consumers)
        wanted.push_back({consumer.subscription.consumer, consumer.subscription.types});
    connection.declare(wanted);
    for (const Consumer& consumer : consumers) {
        connection.open_channel(consumer.channel);
        connection.consume(consumer.channel, consumer.subscription.consumer, options.prefetch);
    }
    is_connected = true;
    connected.set(1);
}

void RabbitmqReceiver::State::serve() {
    while (!is_ending) {
        connection.wait(milliseconds(options.heartbeat) / 4, *this);
        take_done();
        if (is_stopping) continue;
        for (Consumer& consumer : consumers) {
            if (!consumer.is_busy && !consumer.waiting.empty()) begin(consumer);
        }
    }
    take_done();  // acknowledges what ended last
}

void RabbitmqReceiver::State::delivered(amqp_channel_t channel, std::uint64_t tag, bool is_redelivered,
                                        std::optional<Envelope> event) {
    Consumer& consumer = consumers.at(channel - kFirstConsumer);
    if (consumer.is_leaving) return;
    if (is_redelivered) consumer.redelivered.add();
    if (!event) {
        consumer.unreadable.add();
        spdlog::error("consumer {}: a message that is not a CloudEvent was dropped", consumer.subscription.consumer);
    }
    consumer.waiting.push_back({tag, std::move(event)});
}

// Passes the waiting events of `consumer`, up to a batch, to its handler.
void RabbitmqReceiver::State::begin(Consumer& consumer) {
    std::vector<Envelope> events;
    std::vector<std::uint64_t> tags;  // of the events; the last one includes the messages after it that are not events
    std::uint64_t tag = 0;
    while (!consumer.waiting.empty() && events.size() < options.batch) {
        Delivered& next = consumer.waiting.front();
        tag = next.tag;
        if (next.event) {
            events.push_back(std::move(*next.event));
            tags.push_back(tag);
        }
        consumer.waiting.pop_front();
    }
    if (events.empty()) {
        connection.acknowledge(consumer.channel, tag);
        return;
    }
    tags.back() = tag;
    consumer.is_busy = true;
    tasks.spawn(consumer.executor, "consumer " + consumer.subscription.consumer,
                handle(consumer, std::move(events), session, std::move(tags)));
}

// Calls the handler until it succeeds, or the connection is lost; the broker then delivers the events again.
Task<void> RabbitmqReceiver::State::handle(Consumer& consumer, std::vector<Envelope> events, std::uint64_t in_session,
                                           std::vector<std::uint64_t> tags) {
    const auto self = shared_from_this();
    Backoff backoff(kFirstRetry, kLongestRetry);
    std::uint64_t tag = 0;
    bool is_left = false;
    for (;;) {
        try {
            co_await consumer.subscription.handle(events);
            tag = tags.back();
        } catch (const HandOver& error) {
            spdlog::debug("consumer {}: events are left to another process: {}", consumer.subscription.consumer,
                          error.what());
            if (error.done > 0) tag = tags.at(error.done - 1);
            is_left = true;
        } catch (const std::exception& error) {
            spdlog::warn("consumer {}: {} events are handled again: {}", consumer.subscription.consumer, events.size(),
                         error.what());
        }
        if (is_left && !is_stopping) co_await sleep_for(kHandOverAfter);
        if (is_left || tag != 0 || is_stopping || session != in_session) break;
        consumer.retries.add();
        co_await sleep_for(backoff.next());
        if (is_stopping || session != in_session) break;
    }
    {
        const std::lock_guard lock(mutex);
        done.push_back({&consumer, in_session, tag, is_left});
    }
    connection.wake();
}

void RabbitmqReceiver::State::take_done() {
    std::vector<Done> taken;
    {
        const std::lock_guard lock(mutex);
        taken.swap(done);
    }
    for (const Done& one : taken) one.consumer->is_busy = false;
    for (const Done& one : taken) {
        if (one.session != session) continue;
        if (one.tag != 0) connection.acknowledge(one.consumer->channel, one.tag);
        if (one.hands_over && !is_stopping) hand_over(*one.consumer);
    }
}

// Returns the events that `consumer` has here to their queue, in order. Among the consuming processes, this one is now
// the last in turn.
void RabbitmqReceiver::State::hand_over(Consumer& consumer) {
    consumer.handed_over.add();
    connection.close_channel(consumer.channel);
    consumer.is_leaving = true;
    connection.wait(milliseconds(0), *this);
    consumer.is_leaving = false;
    consumer.waiting.clear();
    connection.open_channel(consumer.channel);
    connection.consume(consumer.channel, consumer.subscription.consumer, options.prefetch);
}

void RabbitmqReceiver::State::pause(milliseconds duration) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, duration, [this] { return is_ending.load(); });
}

RabbitmqReceiver::RabbitmqReceiver(const RabbitmqOptions& options, std::vector<Subscription> subscriptions)
    : state_(std::make_shared<State>(options, std::move(subscriptions))) {}

RabbitmqReceiver::~RabbitmqReceiver() { stop(milliseconds(0)); }

void RabbitmqReceiver::start() {
    if (state_->consumers.empty()) return;
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

void RabbitmqReceiver::stop(milliseconds limit) {
    if (!state_->thread.joinable()) return;
    state_->is_stopping = true;
    const std::size_t left = state_->tasks.wait(limit);
    if (left > 0) spdlog::warn("{} event handlers did not end in time", left);
    {
        const std::lock_guard lock(state_->mutex);
        state_->is_ending = true;
    }
    state_->changed.notify_all();
    state_->connection.wake();
    state_->thread.join();
}

bool RabbitmqReceiver::is_connected() const { return state_->consumers.empty() || state_->is_connected; }

}  // namespace guildhall::bus
