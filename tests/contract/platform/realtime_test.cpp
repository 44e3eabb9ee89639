#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/realtime/channel.hpp"
#include "platform/realtime/redis.hpp"
#include "support/await.hpp"
#include "support/redis.hpp"

namespace guildhall::realtime {
namespace {

using test::wait_until;
using testing::ElementsAre;

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

class ChannelContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto reason = test::missing_redis(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
        const bool is_memory = std::string_view(GetParam()) == "memory";
        const std::string prefix = test::own_prefix();
        for (Replica* replica : {&here_, &there_}) {
            if (is_memory) continue;
            replica->client = test::open_redis(test::redis_url(GetParam()));
            replica->channel = make_redis_channel(*replica->client, prefix);
        }
        if (is_memory) here_.channel = make_memory_channel();
        channel_ = here_.channel.get();
        other_ = is_memory ? channel_ : there_.channel.get();
    }

    // Publishes from the other replica until a message arrives here: the stream is then carried until the test ends.
    // The listener stays, because the stream is unsubscribed with its last listener, and a new one may miss what is
    // published immediately.
    void wait_until_carried(const std::string& stream) {
        probe_ = channel_->subscribe(stream, [this](auto, auto) { has_come_ = true; });
        ASSERT_TRUE(wait_until([&] {
            other_->publish(stream, "probe");
            return has_come_.load();
        }));
    }

    struct Replica {
        std::unique_ptr<redis::Client> client;
        std::unique_ptr<Channel> channel;
    };
    Replica here_;
    Replica there_;
    Channel* channel_ = nullptr;
    Channel* other_ = nullptr;  // the same one if there are no other processes

private:
    std::atomic<bool> has_come_{false};
    std::unique_ptr<Channel::Subscription> probe_;
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

TEST_P(ChannelContract, CarriesFromOtherReplicasInOrderEachOnce) {
    wait_until_carried("s");
    Received received;
    const auto subscription = channel_->subscribe("s", received.receiver());
    const std::string bytes("\0\xFF\r\n", 4);
    const std::string large(100'000, 'x');
    other_->publish("s", "");
    other_->publish("s", bytes);
    other_->publish("s", large);
    for (int i = 0; i < 100; ++i) other_->publish("s", "n" + std::to_string(i));
    ASSERT_TRUE(wait_until([&] { return received.messages().size() >= 103; }));
    std::vector<std::string> messages = received.messages();
    while (messages.front() == "s=probe") messages.erase(messages.begin());
    ASSERT_GE(messages.size(), 3U);
    EXPECT_EQ(messages[0], "s=");
    EXPECT_EQ(messages[1], "s=" + bytes);
    EXPECT_EQ(messages[2], "s=" + large);
    ASSERT_TRUE(wait_until([&] { return received.messages().back() == "s=n99"; }));
    messages = received.messages();
    std::erase(messages, "s=probe");
    ASSERT_EQ(messages.size(), 103U);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(messages[3 + static_cast<std::size_t>(i)], "s=n" + std::to_string(i));
}

TEST_P(ChannelContract, WhatIsPublishedByCarrierArrivesOnceHereAndThere) {
    wait_until_carried("s");
    Received here;
    Received there;
    const auto first = channel_->subscribe("s", here.receiver());
    const auto second = other_->subscribe("s", there.receiver());
    ASSERT_TRUE(wait_until([&] {
        channel_->publish("s", "probe");
        return !there.messages().empty();
    }));
    channel_->publish_by_carrier("s", "a");
    channel_->publish_by_carrier("s", "b");
    for (const Received* received : {&here, &there}) {
        ASSERT_TRUE(wait_until([&] { return received->messages().back() == "s=b"; }));
        std::vector<std::string> messages = received->messages();
        std::erase(messages, "s=probe");
        EXPECT_THAT(messages, ElementsAre("s=a", "s=b"));
    }
}

TEST_P(ChannelContract, AMessageArrivesOrIsReportedAsMissed) {
    for (int round = 0; round < 20; ++round) {
        const std::string stream = "late:" + std::to_string(round);
        std::atomic<bool> was_heard{false};
        std::atomic<bool> was_missed{false};
        const auto subscription =
            channel_->subscribe(stream, [&](auto, auto) { was_heard = true; }, [&](auto) { was_missed = true; });
        other_->publish(stream, "x");
        EXPECT_TRUE(wait_until([&] { return was_heard || was_missed; }));
    }
}

TEST_P(ChannelContract, StreamsComeAndGoWhileOthersAreCarried) {
    wait_until_carried("kept");
    Received kept;
    const auto subscription = channel_->subscribe("kept", kept.receiver());
    for (int i = 0; i < 200; ++i) {
        const auto brief = channel_->subscribe("brief:" + std::to_string(i % 3), [](auto, auto) {});
        if (i % 20 == 0) other_->publish("kept", "x");
    }
    EXPECT_TRUE(wait_until([&] { return std::ranges::count(kept.messages(), "kept=x") == 10; }));
}

INSTANTIATE_TEST_SUITE_P(, ChannelContract, testing::ValuesIn(test::kCacheEngines),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace guildhall::realtime
