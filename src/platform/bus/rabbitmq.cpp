#include "platform/bus/rabbitmq.hpp"

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>

#include <spdlog/spdlog.h>

#include "platform/async/pool.hpp"
#include "platform/bus/rabbitmq_connection.hpp"
#include "platform/bus/rabbitmq_publisher.hpp"
#include "platform/bus/rabbitmq_receiver.hpp"

namespace guildhall::bus {
namespace {

class RabbitmqBus final : public Bus {
public:
    explicit RabbitmqBus(RabbitmqOptions options) : options_(std::move(options)), publisher_(options_) {}

    void subscribe(Subscription subscription) override {
        if (receiver_) throw std::logic_error("a subscription after the start of the bus");
        subscriptions_.push_back(std::move(subscription));
    }

    void start() override {
        std::vector<Wanted> wanted = options_.remote_consumers;
        for (const Subscription& one : subscriptions_) wanted.push_back({one.consumer, one.types});
        receiver_.emplace(options_, std::move(subscriptions_));
        publisher_.start(std::move(wanted));
        receiver_->start();
    }

    Task<void> publish(std::vector<Envelope> events) override { return publisher_.publish(std::move(events)); }

    void stop(std::chrono::milliseconds limit) override {
        if (receiver_) receiver_->stop(limit);
        publisher_.stop();
    }

    Task<void> remove_consumer(std::string consumer) override {
        // This is rare, and the calls block: a thread and a connection for it alone.
        Pool pool("RabbitMQ", 1, 0);
        auto work = [this, &consumer] { return delete_queue(consumer); };
        const std::size_t dropped = co_await run_on(pool, std::move(work));
        if (dropped > 0) spdlog::warn("{} no longer exists: its queue was deleted, with {} events", consumer, dropped);
    }

    bool can_hand_over() const override { return true; }

    bool ready() const override { return publisher_.is_connected() && receiver_ && receiver_->is_connected(); }

private:
    std::size_t delete_queue(const std::string& consumer) const {
        constexpr amqp_channel_t kChannel = 1;
        RabbitmqConnection connection(options_, "removal");
        connection.open();
        connection.open_channel(kChannel);
        const std::size_t dropped = connection.delete_queue(kChannel, consumer);
        connection.close(true);
        return dropped;
    }

    const RabbitmqOptions options_;
    std::vector<Subscription> subscriptions_;
    RabbitmqPublisher publisher_;
    std::optional<RabbitmqReceiver> receiver_;
};

}  // namespace

std::unique_ptr<Bus> make_rabbitmq_bus(RabbitmqOptions options) {
    return std::make_unique<RabbitmqBus>(std::move(options));
}

}  // namespace guildhall::bus
