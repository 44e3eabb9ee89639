#include "platform/bus/bus.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/async/task_group.hpp"
#include "platform/base/result.hpp"
#include "support/await.hpp"
#include "support/buses.hpp"

namespace guildhall::bus {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::wait_until;
using testing::ElementsAre;

Envelope event(std::int64_t id, std::string type = "a.v1", std::int64_t subject = 1) {
    return {.id = EventId{id},
            .source = "/test",
            .type = std::move(type),
            .subject = subject,
            .time = from_micros(id),
            .traceparent = "",
            .data = "{\"n\":" + std::to_string(id) + "}"};
}

// What a subscription has received; thread-safe.
class Received {
public:
    void add(const std::vector<Envelope>& events) {
        const std::lock_guard lock(mutex_);
        for (const Envelope& one : events) events_.push_back(one);
    }
    std::vector<std::int64_t> ids() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::int64_t> out;
        for (const Envelope& one : events_) out.push_back(one.id.value);
        return out;
    }
    std::vector<Envelope> events() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<Envelope> events_;
};

class BusContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const std::string missing = test::TestBus::missing(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
        place_.emplace(GetParam());
        bus_ = &**place_;
    }
    void subscribe(std::string consumer, std::vector<std::string> types, Received& received) {
        auto handle = [&received](std::vector<Envelope> events) -> Task<void> {
            received.add(events);
            co_return;
        };
        bus_->subscribe({std::move(consumer), std::move(types), handle});
    }

    std::optional<test::TestBus> place_;
    Bus* bus_ = nullptr;
};

TEST_P(BusContract, BringsEachSubscriptionItsTypesInOrder) {
    Received all;
    Received some;
    subscribe("all", {"a.v1", "b.v1"}, all);
    subscribe("some", {"b.v1"}, some);
    bus_->start();
    await(bus_->publish({event(1, "a.v1"), event(2, "b.v1"), event(3, "c.v1"), event(4, "a.v1"), event(5, "b.v1")}));
    EXPECT_TRUE(wait_until([&] { return all.ids().size() == 4 && some.ids().size() == 2; }));
    EXPECT_THAT(all.ids(), ElementsAre(1, 2, 4, 5));
    EXPECT_THAT(some.ids(), ElementsAre(2, 5));
}

// [X16]
TEST_P(BusContract, BringsEveryAttribute) {
    Received received;
    subscribe("one", {"a.v1"}, received);
    bus_->start();
    Envelope sent = event(7, "a.v1", -3);
    sent.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    sent.data = "{\"text\":\"žofie \U0001F600\"}";
    await(bus_->publish({sent}));
    ASSERT_TRUE(wait_until([&] { return received.ids().size() == 1; }));
    const Envelope got = received.events().front();
    EXPECT_EQ(got.id, sent.id);
    EXPECT_EQ(got.source, sent.source);
    EXPECT_EQ(got.type, sent.type);
    EXPECT_EQ(got.subject, sent.subject);
    EXPECT_EQ(got.time, sent.time);
    EXPECT_EQ(got.traceparent, sent.traceparent);
    EXPECT_EQ(got.data, sent.data);
}

TEST_P(BusContract, AcceptsEventsWithoutAConsumerAndEmptyBatches) {
    Received received;
    subscribe("one", {"a.v1"}, received);
    bus_->start();
    await(bus_->publish({event(1, "other.v1")}));
    await(bus_->publish({}));
    await(bus_->publish({event(2)}));
    EXPECT_TRUE(wait_until([&] { return received.ids().size() == 1; }));
    EXPECT_THAT(received.ids(), ElementsAre(2));
}

TEST_P(BusContract, CallsOfOneSubscriptionNeverOverlapAndKeepTheOrderOfEachRelay) {
    Received received;
    std::atomic<int> inside{0};
    auto handle = [&](std::vector<Envelope> events) -> Task<void> {
        EXPECT_EQ(++inside, 1);
        co_await sleep_for(1ms);
        received.add(events);
        --inside;
    };
    bus_->subscribe({"slow", {"a.v1"}, handle});
    Received other;
    subscribe("other", {"a.v1"}, other);
    bus_->start();
    constexpr int kRelays = 4;
    constexpr int kBatches = 20;
    {
        std::vector<std::jthread> relays;
        for (int relay = 0; relay < kRelays; ++relay) {
            relays.emplace_back([&, relay] {
                for (int i = 0; i < kBatches; ++i) await(bus_->publish({event(relay * 1000 + i, "a.v1", relay)}));
            });
        }
    }
    for (const Received* one : {&received, &other}) {
        ASSERT_TRUE(wait_until([&] { return one->ids().size() == kRelays * kBatches; }));
        std::map<std::int64_t, std::int64_t> last;
        for (const Envelope& got : one->events()) {
            EXPECT_EQ(got.id.value % 1000, last[got.subject]);
            last[got.subject] = got.id.value % 1000 + 1;
        }
    }
}

TEST_P(BusContract, BringsABatchAgainUntilItIsHandledAndOthersGetItNevertheless) {
    Received healthy;
    Received recovering;
    std::atomic<int> failures{2};
    auto handle = [&](std::vector<Envelope> events) -> Task<void> {
        if (failures.fetch_sub(1) > 0) throw Unavailable("the consumer's database is unavailable");
        recovering.add(events);
        co_return;
    };
    bus_->subscribe({"recovering", {"a.v1"}, handle});
    subscribe("healthy", {"a.v1"}, healthy);
    bus_->start();
    // As a relay does: publishes the same batch again while publish() throws.
    for (int tries = 0; tries < 10; ++tries) {
        try {
            await(bus_->publish({event(1), event(2)}));
            break;
        } catch (const Unavailable&) {
            EXPECT_THAT(recovering.ids(), ElementsAre());
            EXPECT_FALSE(healthy.ids().empty());
        }
    }
    ASSERT_TRUE(wait_until([&] { return recovering.ids().size() == 2; }));
    EXPECT_THAT(recovering.ids(), ElementsAre(1, 2));
    bus_->stop(std::chrono::seconds(5));  // the healthy one may still get the batch again
}

TEST_P(BusContract, BringsAnEventForOneConsumerToNoOther) {
    Received one;
    Received other;
    subscribe("one", {"a.v1", "b.v1"}, one);
    subscribe("other", {"a.v1", "b.v1"}, other);
    bus_->start();
    Envelope replayed = event(1);
    replayed.consumer = "one";
    await(bus_->publish({replayed, event(2, "b.v1")}));
    ASSERT_TRUE(wait_until([&] { return one.ids().size() == 2 && !other.ids().empty(); }));
    EXPECT_THAT(other.ids(), ElementsAre(2));
    EXPECT_THAT(one.ids(), testing::UnorderedElementsAre(1, 2));
}

TEST_P(BusContract, BringsLargeAndEmptyData) {
    Received received;
    subscribe("one", {"a.v1"}, received);
    bus_->start();
    Envelope large = event(1);
    large.data = "\"" + std::string(1'000'000, 'x') + "\"";
    Envelope empty = event(2);
    empty.data.clear();
    await(bus_->publish({large, empty, event(3)}));
    ASSERT_TRUE(wait_until([&] { return received.ids().size() == 3; }));
    EXPECT_EQ(received.events()[0].data, large.data);
    EXPECT_EQ(received.events()[1].data, "");
    EXPECT_THAT(received.ids(), ElementsAre(1, 2, 3));
}

INSTANTIATE_TEST_SUITE_P(, BusContract, testing::Values("memory", "rabbitmq"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace guildhall::bus
