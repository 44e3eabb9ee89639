#include "platform/bus/rabbitmq_publisher.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

#include "platform/async/backoff.hpp"
#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"
#include "platform/bus/rabbitmq_connection.hpp"

namespace guildhall::bus {
namespace {

using std::chrono::milliseconds;

constexpr amqp_channel_t kChannel = 1;
constexpr milliseconds kFirstPublisherReconnect{50};
constexpr std::size_t kReadEvery = 64;  // messages, after which confirmations are read: the broker must not block

// One publish(). Guarded by the publisher's mutex, except `events` and `unconfirmed`, which belong to the thread once
// it has taken the batch.
struct Batch {
    std::vector<Envelope> events;
    std::size_t unconfirmed = 0;
    bool is_done = false;
    std::optional<std::string> failure;
    std::function<void()> resume;
};
using BatchPointer = std::shared_ptr<Batch>;

// A message that was sent. They are in the order of their tags.
struct Sent {
    BatchPointer batch;
    bool is_confirmed = false;
};

}  // namespace

struct RabbitmqPublisher::State final : Incoming {
    explicit State(const RabbitmqOptions& given) : options(given), connection(given, "publisher") {}

    void run();
    void serve();
    void send(const BatchPointer& batch);
    void confirmed(std::uint64_t tag, bool is_up_to, bool is_taken) override;
    void returned(std::optional<Envelope> event) override;
    bool is_wanted(const Envelope& event) const;

    void enqueue(const BatchPointer& batch);
    void end(const BatchPointer& batch, std::optional<std::string> failure);
    void fail_all(const std::string& reason);
    void expire(const BatchPointer& batch);
    void pause(milliseconds duration);

    const RabbitmqOptions options;
    RabbitmqConnection connection;
    std::vector<Wanted> consumers;
    std::thread thread;

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<BatchPointer> waiting;
    std::size_t outstanding = 0;  // events of all batches that are not done
    bool is_stopping = false;
    std::atomic<bool> is_connected{false};

    // For the thread only.
    std::deque<Sent> sent;
    std::uint64_t first_sent = 1;  // the tag of sent.front()

    metrics::Counter& published =
        metrics::counter("guildhall_bus_published_total", "Events that RabbitMQ has confirmed.");
    metrics::Counter& unwanted =
        metrics::counter("guildhall_bus_unwanted_total", "Events that RabbitMQ has taken and that have no consumer.");
    metrics::Gauge& connected =
        metrics::gauge("guildhall_bus_connected", "1 while connected to RabbitMQ.", {{"role", "publisher"}});
};

void RabbitmqPublisher::State::run() {
    Backoff backoff(kFirstPublisherReconnect, options.reconnect_at_most);
    std::string reason;
    const auto stopping = [this] {
        const std::lock_guard lock(mutex);
        return is_stopping;
    };
    while (!stopping()) {
        milliseconds pause_at_least{0};
        try {
            connection.open();
            connection.open_channel(kChannel);
            connection.declare(consumers);
            connection.confirm_all(kChannel);
            first_sent = 1;
            is_connected = true;
            connected.set(1);
            backoff.reset();
            reason.clear();
            serve();
        } catch (const std::exception& error) {
            // Once per reason: the broker may be unavailable for hours.
            if (std::exchange(reason, error.what()) != reason) spdlog::warn("publishing: {}", reason);
            if (dynamic_cast<const QueueDeleted*>(&error) != nullptr) pause_at_least = kRecreateAfter;
            fail_all(error.what());
        }
        connected.set(0);
        connection.close(is_connected.exchange(false) && stopping());
        if (!stopping()) pause(std::max(backoff.next(), pause_at_least));
    }
    fail_all("the bus has stopped");
}

void RabbitmqPublisher::State::serve() {
    for (;;) {
        std::deque<BatchPointer> taken;
        {
            const std::lock_guard lock(mutex);
            if (is_stopping) return;
            taken.swap(waiting);
            // Before the first is sent: if that fails, all fail.
            for (const BatchPointer& batch : taken) sent.insert(sent.end(), batch->events.size(), Sent{batch});
        }
        for (const BatchPointer& batch : taken) send(batch);
        connection.wait(milliseconds(options.heartbeat) / 4, *this);
    }
}

void RabbitmqPublisher::State::send(const BatchPointer& batch) {
    std::size_t count = 0;
    for (const Envelope& event : batch->events) {
        connection.publish(kChannel, event);
        if (++count % kReadEvery == 0) connection.wait(milliseconds(0), *this);
    }
}

void RabbitmqPublisher::State::confirmed(std::uint64_t tag, bool is_up_to, bool is_taken) {
    if (!is_taken) throw Unavailable("RabbitMQ refuses an event");
    const auto confirm = [this](Sent& one) {
        if (std::exchange(one.is_confirmed, true)) return;
        published.add();
        if (--one.batch->unconfirmed == 0) end(one.batch, std::nullopt);
    };
    if (tag < first_sent || tag - first_sent >= sent.size()) throw Unavailable("RabbitMQ confirms what was not sent");
    const auto at = static_cast<std::ptrdiff_t>(tag - first_sent);
    if (is_up_to) {
        std::for_each(sent.begin(), sent.begin() + at + 1, confirm);
    } else {
        confirm(sent[static_cast<std::size_t>(at)]);
    }
    while (!sent.empty() && sent.front().is_confirmed) {
        sent.pop_front();
        ++first_sent;
    }
}

// An event may have no consumer. If it has one, a queue or binding was removed: reconnecting creates it, and the relay
// publishes the event again.
void RabbitmqPublisher::State::returned(std::optional<Envelope> event) {
    if (!event) return;
    if (is_wanted(*event)) throw QueueDeleted("the queue of a consumer of " + event->type + " is missing");
    unwanted.add();
    if (event->consumer.empty()) return;
    spdlog::error("event {} ({}) was for {}, which no longer exists: dropped", event->id.value, event->type,
                  event->consumer);
}

bool RabbitmqPublisher::State::is_wanted(const Envelope& event) const {
    return std::ranges::any_of(consumers, [&event](const Wanted& wanted) {
        if (!event.consumer.empty()) return wanted.consumer == event.consumer;
        return std::ranges::find(wanted.types, event.type) != wanted.types.end();
    });
}

void RabbitmqPublisher::State::enqueue(const BatchPointer& batch) {
    bool is_refused = true;
    {
        const std::lock_guard lock(mutex);
        const std::size_t count = batch->events.size();
        // A batch larger than the bound passes when it is alone.
        if (is_stopping) {
            batch->failure = "the bus has stopped";
        } else if (outstanding > 0 && outstanding + count > options.max_outstanding) {
            batch->failure = "too many events wait for RabbitMQ";
        } else {
            outstanding += count;
            waiting.push_back(batch);
            is_refused = false;
        }
        batch->is_done = is_refused;
    }
    if (is_refused) {
        const auto resume = std::exchange(batch->resume, {});
        resume();
        return;
    }
    changed.notify_one();
    connection.wake();
}

void RabbitmqPublisher::State::end(const BatchPointer& batch, std::optional<std::string> failure) {
    std::function<void()> resume;
    {
        const std::lock_guard lock(mutex);
        if (std::exchange(batch->is_done, true)) return;
        outstanding -= batch->events.size();
        batch->failure = std::move(failure);
        resume.swap(batch->resume);
    }
    resume();
}

void RabbitmqPublisher::State::fail_all(const std::string& reason) {
    std::deque<BatchPointer> taken;
    {
        const std::lock_guard lock(mutex);
        taken.swap(waiting);
    }
    for (const Sent& one : sent) end(one.batch, reason);
    for (const BatchPointer& batch : taken) end(batch, reason);
    sent.clear();
}

// The deadline of a batch has passed. The thread may be blocked in a write to a broker that does not read: only
// breaking the connection ends that.
void RabbitmqPublisher::State::expire(const BatchPointer& batch) {
    {
        const std::lock_guard lock(mutex);
        if (batch->is_done) return;
        const auto found = std::ranges::find(waiting, batch);
        if (found == waiting.end()) {
            connection.abort();
            return;
        }
        waiting.erase(found);
    }
    end(batch, "RabbitMQ was not reached in time");
}

void RabbitmqPublisher::State::pause(milliseconds duration) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, duration, [this] { return is_stopping; });
}

RabbitmqPublisher::RabbitmqPublisher(const RabbitmqOptions& options) : state_(std::make_shared<State>(options)) {}

RabbitmqPublisher::~RabbitmqPublisher() { stop(); }

void RabbitmqPublisher::start(std::vector<Wanted> consumers) {
    state_->consumers = std::move(consumers);
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Task<void> RabbitmqPublisher::publish(std::vector<Envelope> events) {
    if (events.empty()) co_return;
    const auto state = state_;
    const auto batch = std::make_shared<Batch>();
    batch->unconfirmed = events.size();
    batch->events = std::move(events);
    boost::asio::steady_timer deadline(co_await boost::asio::this_coro::executor, state->options.confirm_deadline);
    deadline.async_wait([state, batch](boost::system::error_code cancelled) {
        if (!cancelled) state->expire(batch);
    });
    auto start = [&state, &batch](auto handler) {
        auto executor = boost::asio::get_associated_executor(handler);
        auto guard = boost::asio::make_work_guard(executor);
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        batch->resume = [shared, executor, guard] { boost::asio::post(executor, [shared] { std::move (*shared)(); }); };
        state->enqueue(batch);
    };
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(start,
                                                                                        boost::asio::use_awaitable);
    if (batch->failure) throw Unavailable(*batch->failure);
}

void RabbitmqPublisher::stop() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->is_stopping = true;
    }
    state_->changed.notify_all();
    state_->connection.wake();
    if (state_->thread.joinable()) state_->thread.join();
}

bool RabbitmqPublisher::is_connected() const { return state_->is_connected; }

}  // namespace guildhall::bus
