#include "platform/outbox/consumer.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/outbox/dead_letters.hpp"
#include "platform/outbox/relay.hpp"
#include "support/await.hpp"
#include "support/buses.hpp"
#include "support/outbox_world.hpp"

namespace guildhall::outbox {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::Counted;
using test::FaultyBus;
using test::RecordingBus;
using test::wait_until;
using testing::ElementsAre;

constexpr sql::Statement kCountInbox{"test.count_inbox", "SELECT COUNT(*) FROM inbox"};

struct Instance {
    const char* name;
    const char* engine;
    const char* bus;
};

// Observes when its only consumer has handled all published events.
class ObservedBus final : public bus::Bus {
public:
    explicit ObservedBus(bus::Bus& inner) : inner_(inner) {}
    void subscribe(bus::Subscription subscription) override {
        auto handle = [this, inner = std::move(subscription.handle)](std::vector<bus::Envelope> events) -> Task<void> {
            const std::size_t count = events.size();
            co_await inner(std::move(events));
            handled_ += count;
        };
        subscription.handle = std::move(handle);
        inner_.subscribe(std::move(subscription));
    }
    void start() override { inner_.start(); }
    Task<void> publish(std::vector<bus::Envelope> events) override {
        const std::size_t count = events.size();
        co_await inner_.publish(std::move(events));
        published_ += count;
    }
    void settle() const {
        ASSERT_TRUE(wait_until([this] { return handled_ >= published_; })) << handled_ << " of " << published_;
    }

private:
    bus::Bus& inner_;
    std::atomic<std::size_t> published_{0};
    std::atomic<std::size_t> handled_{0};
};

class ConsumerContract : public testing::TestWithParam<Instance>, protected test::OutboxWorld {
protected:
    void SetUp() override {
        for (const std::string& missing :
             {test::TestDatabase::missing(GetParam().engine), test::TestBus::missing(GetParam().bus)})
            if (!missing.empty()) GTEST_SKIP() << missing;
        open(GetParam().engine);
        place_of_bus_.emplace(GetParam().bus);
        bus_.emplace(**place_of_bus_);
    }
    void TearDown() override { place_of_bus_.reset(); }  // before the objects that the handlers use

    void on_counted(std::function<Task<void>(sql::Transaction&, const Counted&)> effect) {
        consumers_->on<Counted>("test.effects", std::move(effect));
        start();
    }
    void start() {
        consumers_->subscribe(*bus_);
        bus_->start();
    }
    // Returns when the events are handled, as are those before.
    void publish(std::vector<bus::Envelope> events) {
        await(bus_->publish(std::move(events)));
        bus_->settle();
    }
    // Relays the waiting events and returns their number when they have been handled.
    std::size_t relay_all() {
        Relay relay(*database_, *bus_, clock_, "a", {});
        const std::size_t count = await(relay.relay_once());
        bus_->settle();
        return count;
    }
    std::vector<DeadLetter> dead() { return await(list_dead_letters(*database_, {}, 100)); }

    std::optional<test::TestBus> place_of_bus_;
    std::optional<ObservedBus> bus_;
};

TEST_P(ConsumerContract, EffectHappensOnceAlthoughTheRelayDiesBetweenPublishAndDelete) {
    on_counted(record);
    FaultyBus bus(*bus_);
    count_times(1, 3);
    count_times(2, 2);
    {
        Relay dying(*database_, bus, clock_, "dying", {});
        bus.failures_after = 1;
        EXPECT_THROW(await(dying.relay_once()), Unavailable);
    }
    EXPECT_EQ(outbox_size(), 5);
    count_times(1, 1);

    Relay other(*database_, bus, clock_, "other", {});
    EXPECT_EQ(await(other.relay_once()), 0U);  // the dead relay's leases still run
    clock_.advance(11s);
    EXPECT_EQ(await(other.relay_once()), 6U);
    bus_->settle();
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 4}, {2, 2}}));
    EXPECT_EQ(outbox_size(), 0);
}

TEST_P(ConsumerContract, EffectHappensOnceAlthoughEventsComeTwice) {
    on_counted(record);
    RecordingBus recording;
    count_times(1, 3);
    Relay relay(*database_, recording, clock_, "a", {});
    await(relay.relay_once());
    const auto events = recording.events();
    publish({events[0]});
    publish(events);
    publish({events[2], events[2]});
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 3}}));
}

TEST_P(ConsumerContract, PoisonGoesToTheDeadLettersAfterFiveTriesAndTheRestGoesOn) {
    std::atomic<int> tries{0};
    on_counted([&](sql::Transaction& tx, const Counted& event) -> Task<void> {
        if (event.n == 2) {
            ++tries;
            throw std::runtime_error("cannot digest this: \xFF");
        }
        co_await record(tx, event);
    });
    count_times(1, 4);
    EXPECT_EQ(relay_all(), 4U);
    EXPECT_EQ(tries, 6);  // with the batch, then five alone
    auto rows = await(database_->read(test::kListEffects, {}));
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[1].number(1), 3);
    const auto letters = dead();
    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters[0].event.consumer, "test.effects");
    EXPECT_EQ(letters[0].event.subject, 1);
    EXPECT_EQ(letters[0].event.type, "test.counted.v1");
    EXPECT_EQ(letters[0].event.traceparent, "00-trace");
    EXPECT_EQ(letters[0].event.data, R"({"subject_id":1,"n":2})");
    EXPECT_EQ(letters[0].error, "cannot digest this: ?");
    EXPECT_EQ(letters[0].at, clock_.now());
    EXPECT_EQ(outbox_size(), 0);
}

TEST_P(ConsumerContract, DataThatCannotBeReadGoesToTheDeadLettersAtOnceAndOnlyOnce) {
    std::atomic<int> runs = 0;
    on_counted([&](sql::Transaction& tx, const Counted& event) -> Task<void> {
        ++runs;
        co_await record(tx, event);
    });
    bus::Envelope bad{.id = bus::EventId{5},
                      .source = "/test",
                      .type = "test.counted.v1",
                      .subject = 1,
                      .time = clock_.now(),
                      .traceparent = "",
                      .data = "{\"n\":"};
    bus::Envelope good = bad;
    good.id = bus::EventId{6};
    good.data = R"({"subject_id":1,"n":1,"later":"unknown members are ignored"})";
    publish({bad, good});
    publish({bad, good});
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 1}}));
    EXPECT_EQ(dead().size(), 1U);
}

TEST_P(ConsumerContract, AnUnavailableDatabaseIsNotAFailedTry) {
    std::atomic<int> away{7};
    on_counted([&](sql::Transaction& tx, const Counted& event) -> Task<void> {
        if (away > 0 && away-- > 0) throw Unavailable("away");
        co_await record(tx, event);
    });
    count_times(1, 2);
    // With the embedded bus, the relay publishes the events again. With RabbitMQ, the receiver retries them.
    Relay relay(*database_, *bus_, clock_, "a", {});
    std::size_t relayed = 0;
    for (int i = 0; i < 8 && relayed == 0; ++i) {
        try {
            relayed = await(relay.relay_once());
        } catch (const Unavailable&) {
            EXPECT_EQ(outbox_size(), 2);
        }
    }
    EXPECT_EQ(relayed, 2U);
    bus_->settle();
    EXPECT_EQ(away, 0);
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 2}}));
    EXPECT_EQ(dead().size(), 0U);
}

TEST_P(ConsumerContract, RepeatableEffectsAreTriedAgainAndThenSetAside) {
    std::vector<std::int64_t> seen;
    consumers_->on_repeatable<Counted>("test.repeatable", [&](const Counted& event) -> Task<void> {
        seen.push_back(event.n);
        if (event.n == 2) throw std::runtime_error("never");
        if (event.n == 3 && std::ranges::count(seen, 3) < 3) throw std::runtime_error("not yet");
        co_return;
    });
    start();
    count_times(1, 4);
    EXPECT_EQ(relay_all(), 4U);
    EXPECT_THAT(seen, ElementsAre(1, 2, 2, 2, 2, 2, 3, 3, 3, 4));
    EXPECT_EQ(dead().size(), 1U);
}

TEST_P(ConsumerContract, NeighboursAreHandledTogetherAndPoisonAloneIsSetAside) {
    std::size_t largest = 0;
    std::vector<std::int64_t> done;
    consumers_->on_repeatable_together<Counted>("test.together", [&](std::vector<Counted> events) -> Task<void> {
        largest = std::max(largest, events.size());
        for (const Counted& event : events)
            if (event.n == 5) throw std::runtime_error("never");
        for (const Counted& event : events) done.push_back(event.n);
        co_return;
    });
    start();
    count_times(1, 3);
    EXPECT_EQ(relay_all(), 3U);
    EXPECT_THAT(done, ElementsAre(1, 2, 3));
    if (std::string_view(GetParam().bus) == "memory") {
        EXPECT_EQ(largest, 3U) << "a broker may bring them one by one";
    }
    count_times(1, 3);
    relay_all();
    EXPECT_THAT(done, ElementsAre(1, 2, 3, 4, 6));
    EXPECT_EQ(dead().size(), 1U);
}

TEST_P(ConsumerContract, PruneForgetsOnlyWhatIsOld) {
    on_counted(record);
    auto many = [&](sql::Transaction& tx) -> Task<Result<int>> {
        for (std::int64_t n = 1; n <= 1500; ++n) co_await outbox_.append(tx, Counted{1, n});
        co_return 0;
    };
    ASSERT_TRUE(await(database_->transact<int>(many)));
    clock_.advance(std::chrono::days(9));
    count_times(2, 3);
    EXPECT_EQ(relay_all(), 1503U);
    EXPECT_EQ(number(kCountInbox), 1503);
    await(consumers_->prune());
    EXPECT_EQ(number(kCountInbox), 3);
}

TEST_P(ConsumerContract, PruneForgetsDeadLettersAfterNinetyDays) {
    on_counted([](sql::Transaction&, const Counted&) -> Task<void> {
        throw Corrupt("unreadable");
        co_return;
    });
    count_times(1, 2);
    relay_all();
    clock_.advance(std::chrono::days(60));
    count_times(2, 1);
    relay_all();
    ASSERT_EQ(dead().size(), 3U);
    clock_.advance(std::chrono::days(31));
    await(consumers_->prune());
    EXPECT_EQ(dead().size(), 1U);
}

TEST_P(ConsumerContract, AReplayedDeadLetterHasItsEffectOnceAndIsGone) {
    std::atomic<bool> is_broken{true};
    on_counted([&](sql::Transaction& tx, const Counted& event) -> Task<void> {
        if (event.n == 2 && is_broken) throw std::runtime_error("a bug");
        co_await record(tx, event);
    });
    count_times(1, 3);
    EXPECT_EQ(relay_all(), 3U);
    ASSERT_EQ(dead().size(), 1U);
    const DeadLetterKey key{"test.effects", dead()[0].event.id};

    // Still broken: it comes back.
    ASSERT_TRUE(await(replay_dead_letter(*database_, key)));
    EXPECT_TRUE(dead().empty());
    EXPECT_EQ(relay_all(), 1U);
    ASSERT_EQ(dead().size(), 1U);
    EXPECT_EQ(dead()[0].event.traceparent, "00-trace");

    is_broken = false;
    ASSERT_TRUE(await(replay_dead_letter(*database_, key)));
    EXPECT_EQ(relay_all(), 1U);
    EXPECT_TRUE(dead().empty());
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 3}}));
    EXPECT_EQ(outbox_size(), 0);
    EXPECT_EQ(await(replay_dead_letter(*database_, key)).error().code, Code::not_found);
}

TEST_P(ConsumerContract, AReplayReachesItsConsumerOnlyHoweverOldTheEventIs) {
    std::atomic<bool> is_broken{true};
    std::atomic<int> fragile{0};
    std::atomic<int> healthy{0};
    consumers_->on<Counted>("test.fragile", [&](sql::Transaction&, const Counted&) -> Task<void> {
        if (is_broken) throw std::runtime_error("a bug");
        ++fragile;
        co_return;
    });
    consumers_->on<Counted>("test.healthy", [&](sql::Transaction&, const Counted&) -> Task<void> {
        ++healthy;
        co_return;
    });
    start();
    count_times(1, 1);
    EXPECT_EQ(relay_all(), 1U);
    ASSERT_TRUE(wait_until([&] { return healthy == 1 && !dead().empty(); }));

    clock_.advance(std::chrono::days(30));
    await(consumers_->prune());
    EXPECT_EQ(number(kCountInbox), 0);
    is_broken = false;
    ASSERT_TRUE(await(replay_dead_letter(*database_, {"test.fragile", dead()[0].event.id})));
    EXPECT_EQ(relay_all(), 1U);
    ASSERT_TRUE(wait_until([&] { return fragile == 1; }));
    EXPECT_EQ(healthy, 1);
}

TEST_P(ConsumerContract, ListsDeadLettersInPages) {
    on_counted([](sql::Transaction&, const Counted&) -> Task<void> {
        throw Corrupt("unreadable");
        co_return;
    });
    count_times(1, 5);
    EXPECT_EQ(relay_all(), 5U);
    const auto first = await(list_dead_letters(*database_, {}, 2));
    ASSERT_EQ(first.size(), 2U);
    const auto rest = await(list_dead_letters(*database_, {"test.effects", first[1].event.id}, 100));
    ASSERT_EQ(rest.size(), 3U);
    EXPECT_LT(first[1].event.id, rest[0].event.id);
    EXPECT_TRUE(await(list_dead_letters(*database_, {"test.effects", rest[2].event.id}, 100)).empty());
}

INSTANTIATE_TEST_SUITE_P(, ConsumerContract,
                         testing::Values(Instance{"sqlite", "sqlite", "memory"},
                                         Instance{"postgres", "postgres", "memory"},
                                         Instance{"sqlite_rabbitmq", "sqlite", "rabbitmq"},
                                         Instance{"postgres_rabbitmq", "postgres", "rabbitmq"}),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace guildhall::outbox
