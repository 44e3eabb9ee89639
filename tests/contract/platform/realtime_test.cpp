#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/realtime/channel.hpp"
#include "support/await.hpp"

namespace guildhall::realtime {
namespace {

using test::wait_until;
using testing::ElementsAre;

struct Instance {
    const char* name;
    std::function<std::unique_ptr<Channel>()> make;
};

// Messages received; thread-safe.
class Received {
public:
    Channel::Receiver receiver() {
        return [this](std::string_view stream, std::string_view message) {
            const std::lock_guard lock(mutex_);
            messages_.push_back(std::string(stream) + "=" + std::string(message));
        };
    }
    std::vector<std::string> messages() const {
        const std::lock_guard lock(mutex_);
        return messages_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> messages_;
};

class ChannelContract : public testing::TestWithParam<Instance> {
protected:
    std::unique_ptr<Channel> channel_ = GetParam().make();
};

TEST_P(ChannelContract, CarriesToTheSubscribersOfTheStreamInOrder) {
    Received one;
    Received two;
    const auto first = channel_->subscribe("conversation:77", one.receiver());
    const auto second = channel_->subscribe("conversation:77", two.receiver());
    channel_->publish("conversation:77", "a");
    channel_->publish("conversation:78", "other");
    channel_->publish("conversation:77", "b");
    EXPECT_TRUE(wait_until([&] { return one.messages().size() == 2 && two.messages().size() == 2; }));
    EXPECT_THAT(one.messages(), ElementsAre("conversation:77=a", "conversation:77=b"));
    EXPECT_THAT(two.messages(), ElementsAre("conversation:77=a", "conversation:77=b"));
}

TEST_P(ChannelContract, DoesNotCallAfterTheEndOfASubscription) {
    Received gone;
    Received left;
    auto ending = channel_->subscribe("s", gone.receiver());
    const auto staying = channel_->subscribe("s", left.receiver());
    ending.reset();
    channel_->publish("s", "x");
    EXPECT_TRUE(wait_until([&] { return left.messages().size() == 1; }));
    EXPECT_THAT(gone.messages(), ElementsAre());
}

TEST_P(ChannelContract, EndOfASubscriptionWaitsForARunningCall) {
    for (int round = 0; round < 50; ++round) {
        std::atomic<bool> is_open{true};
        std::atomic<bool> was_late{false};
        std::atomic<bool> started{false};
        auto subscription = channel_->subscribe("s", [&](std::string_view, std::string_view) {
            started = true;
            if (!is_open) was_late = true;
        });
        std::jthread publisher([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) channel_->publish("s", "x");
        });
        ASSERT_TRUE(wait_until([&] { return started.load(); }));
        subscription.reset();
        is_open = false;
        channel_->publish("s", "late");
        publisher.request_stop();
        publisher.join();
        EXPECT_FALSE(was_late);
    }
}

TEST_P(ChannelContract, AReceiverMayEndItsOwnSubscription) {
    std::unique_ptr<Channel::Subscription> subscription;
    std::atomic<int> calls{0};
    subscription = channel_->subscribe("s", [&](std::string_view, std::string_view) {
        ++calls;
        subscription.reset();
    });
    channel_->publish("s", "x");
    EXPECT_TRUE(wait_until([&] { return calls == 1; }));
    channel_->publish("s", "y");
    EXPECT_EQ(calls, 1);
}

INSTANTIATE_TEST_SUITE_P(, ChannelContract, testing::Values(Instance{"memory", [] { return make_memory_channel(); }}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace guildhall::realtime
