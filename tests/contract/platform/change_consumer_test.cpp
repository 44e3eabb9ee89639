// Over RabbitMQ, the event of a change reaches a process that can notify the processes that cache what it changed.
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>

#include <boost/describe/class.hpp>
#include <gtest/gtest.h>

#include "platform/json/write.hpp"
#include "platform/outbox/consumer.hpp"
#include "support/buses.hpp"
#include "support/coherent_process.hpp"
#include "support/outbox_world.hpp"

namespace guildhall::outbox {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::Counted;
using test::Replica;
using test::wait_until;

/// Comes after what it marks.
struct Marker {
    static constexpr std::string_view kType = "test.marker.v1";
    std::int64_t subject_id;
    std::int64_t subject() const { return subject_id; }
};
BOOST_DESCRIBE_STRUCT(Marker, (), (subject_id))

// A replica of a service that drops, in all processes, what the events say.
class Service {
public:
    Service(realtime::Channel& channel, test::Truth& truth, sql::Database& database, const Clock& clock,
            std::unique_ptr<bus::Bus> bus)
        : replica(channel, truth), consumers_(database, clock, replica.process.coherence()), bus_(std::move(bus)) {
        const auto changes = [](const Counted& event) { return cache::Changes{{"shop.item", {event.subject_id}}}; };
        consumers_.on_change<Counted>("shop.caches", changes);
        auto mark = [&markers = markers_](const Marker&) -> Task<void> {
            ++markers;
            co_return;
        };
        consumers_.on_repeatable<Marker>("shop.caches", std::move(mark));
        consumers_.subscribe(*bus_);
    }
    int markers() const { return markers_; }
    void start_bus() { bus_->start(); }
    void stop_bus() { bus_->stop(5s); }
    bus::Bus& bus() { return *bus_; }

    Replica replica;

private:
    std::atomic<int> markers_{0};
    Consumers consumers_;
    std::unique_ptr<bus::Bus> bus_;
};

class ChangeConsumers : public testing::Test, protected test::OutboxWorld {
protected:
    void SetUp() override {
        if (const std::string missing = test::TestBus::missing("rabbitmq"); !missing.empty()) GTEST_SKIP() << missing;
        open("sqlite");
        for (auto* service : {&a_, &b_})
            service->emplace(*channel_, truth_, *database_, clock_,
                             bus::make_rabbitmq_bus({.urls = {std::getenv("GUILDHALL_TEST_RABBITMQ")},
                                                     .prefix = prefix_,
                                                     .executors = {thread_.executor()}}));
        ASSERT_TRUE(test::CoherentProcess::join("shop", a_->replica.process, b_->replica.process));
        a_->start_bus();
        // It consumes first, so the other one stands by.
        await(a_->bus().publish({envelope(Marker{kItem}, clock_.now())}));
        ASSERT_TRUE(wait_until([&] { return a_->markers() == 1; }));
        b_->start_bus();
        read_both();
    }
    void TearDown() override {
        for (auto* service : {&a_, &b_})
            if (*service) (*service)->stop_bus();
    }
    template <class E>
    bus::Envelope envelope(const E& event, Time happened) {
        return {.id = ids_.next<bus::EventId>(),
                .source = "/shop",
                .type = std::string(E::kType),
                .subject = event.subject(),
                .time = happened,
                .traceparent = {},
                .data = json::to_json(event)};
    }
    void read_both() {
        EXPECT_EQ(a_->replica.read(kItem), 0);
        EXPECT_EQ(b_->replica.read(kItem), 0);
    }
    // As if the process had written while it was cut off: only the event announces it.
    void write(Time happened) {
        truth_.values[kItem] = 1;
        await(b_->bus().publish({envelope(Counted{kItem, 1}, happened)}));
    }
    // The first is cut off, and the other has dropped everything that the first may have changed unannounced.
    void cut_off_first() {
        a_->replica.way.is_cut = true;
        ASSERT_TRUE(wait_until([&] { return !a_->replica.is_live(); }));
        ASSERT_TRUE(wait_until([&] { return b_->replica.process.coherence().count_others("shop") == 0; }));
        ASSERT_TRUE(b_->replica.is_live());
        EXPECT_EQ(b_->replica.read(kItem), 0);
    }

    static constexpr std::int64_t kItem = 7;
    const std::string prefix_ = test::TestBus::fresh_prefix();
    const std::unique_ptr<realtime::Channel> channel_ = realtime::make_memory_channel();
    test::Truth truth_;
    test::IoThread thread_;
    std::optional<Service> a_;
    std::optional<Service> b_;
};

TEST_F(ChangeConsumers, AProcessThatIsCutOffLeavesTheEventToOneThatReachesTheOthers) {
    cut_off_first();
    write(clock_.now());
    EXPECT_TRUE(wait_until([&] { return b_->replica.read(kItem) == 1; }));
    EXPECT_EQ(a_->replica.read(kItem), 1);
}

TEST_F(ChangeConsumers, AnEventThatComesLateIsLeftToOthersToo) {
    cut_off_first();
    write(clock_.now() - 10min);
    EXPECT_TRUE(wait_until([&] { return b_->replica.read(kItem) == 1; }));
}

TEST_F(ChangeConsumers, WhenAllAreCutOffForAMinuteTheEventHoldsUpNothing) {
    a_->replica.way.is_cut = true;
    b_->replica.way.is_cut = true;
    ASSERT_TRUE(wait_until([&] { return !a_->replica.is_live() && !b_->replica.is_live(); }));
    write(clock_.now());
    await(b_->bus().publish({envelope(Marker{kItem}, clock_.now())}));
    const auto a_minute_passes = [&] {
        clock_.advance(10ms);  // each of the two refuses about once a second
        return a_->markers() + b_->markers() == 2;
    };
    EXPECT_TRUE(wait_until(a_minute_passes, 60s));
}

}  // namespace
}  // namespace guildhall::outbox
