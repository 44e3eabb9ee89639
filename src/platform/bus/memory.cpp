#include "platform/bus/memory.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <iterator>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/async/gate.hpp"

namespace guildhall::bus {
namespace {

struct Receiver {
    explicit Receiver(Subscription of) : subscription(std::move(of)) {}

    bool wants(const Envelope& event) const {
        if (!event.consumer.empty()) return event.consumer == subscription.consumer;
        return std::ranges::find(subscription.types, event.type) != subscription.types.end();
    }

    // Waits until the receiver is free, so that calls do not overlap and batches are handled in the order of their
    // arrival.
    Task<void> deliver(std::vector<Envelope> events) {
        const Gate::Pass pass = co_await gate.enter();
        co_await subscription.handle(std::move(events));
    }

    Subscription subscription;
    Gate gate;
};

struct Delivery {
    Receiver* receiver;
    std::vector<Envelope> events;
};

// The first failure of several deliveries, and a place to wait for the last of them.
struct Join {
    explicit Join(std::size_t deliveries) : left(deliveries) {}

    void ended(const std::exception_ptr& error) {
        std::function<void()> wake;
        {
            const std::lock_guard lock(mutex);
            if (error && !failure) failure = error;
            if (--left == 0) wake = std::move(waiter);
        }
        if (wake) wake();
    }

    std::mutex mutex;
    std::size_t left;
    std::exception_ptr failure;
    std::function<void()> waiter;
};

class MemoryBus final : public Bus {
public:
    void subscribe(Subscription subscription) override { receivers_.emplace_back(std::move(subscription)); }

    // All subscriptions work at the same time, and each gets the batch even if another failed. If one failed, publish()
    // throws when all have ended, the relay publishes the batch again, and the inboxes of the others recognise the
    // events.
    Task<void> publish(std::vector<Envelope> events) override {
        std::vector<Delivery> deliveries = split(std::move(events));
        if (deliveries.empty()) co_return;
        if (deliveries.size() == 1) {
            co_await deliveries.front().receiver->deliver(std::move(deliveries.front().events));
            co_return;
        }
        const auto executor = co_await boost::asio::this_coro::executor;
        const auto join = std::make_shared<Join>(deliveries.size());
        for (Delivery& delivery : deliveries) {
            auto task = delivery.receiver->deliver(std::move(delivery.events));
            auto ended = [join](const std::exception_ptr& failure) { join->ended(failure); };
            boost::asio::co_spawn(executor, std::move(task), std::move(ended));
        }
        auto start = [&join, &executor](auto handler) {
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            auto resume = [shared, executor] { boost::asio::post(executor, [shared] { std::move (*shared)(); }); };
            {
                const std::lock_guard lock(join->mutex);
                if (join->left > 0) {
                    join->waiter = std::move(resume);
                    return;
                }
            }
            resume();
        };
        co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void()>(start,
                                                                                            boost::asio::use_awaitable);
        if (join->failure) std::rethrow_exception(join->failure);
    }

private:
    // The events of each receiver; copied, except for the last receiver.
    std::vector<Delivery> split(std::vector<Envelope> events) {
        std::vector<Delivery> deliveries;
        for (Receiver& receiver : receivers_) {
            std::vector<Envelope> wanted;
            std::ranges::copy_if(events, std::back_inserter(wanted),
                                 [&](const Envelope& event) { return receiver.wants(event); });
            if (!wanted.empty()) deliveries.push_back({&receiver, std::move(wanted)});
        }
        return deliveries;
    }

    std::deque<Receiver> receivers_;
};

}  // namespace

std::unique_ptr<Bus> make_memory_bus() { return std::make_unique<MemoryBus>(); }

}  // namespace guildhall::bus
