#include "platform/outbox/outbox.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include <boost/asio/detached.hpp>
#include <boost/describe/class.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/async/task_group.hpp"
#include "platform/bus/memory.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/partition.hpp"
#include "platform/outbox/relay.hpp"
#include "support/await.hpp"
#include "support/databases.hpp"

namespace guildhall::outbox {

// The `n`-th change of `subject_id`.
struct Counted {
    static constexpr std::string_view kType = "test.counted.v1";
    std::int64_t subject_id;
    std::int64_t n;
    std::int64_t subject() const { return subject_id; }
};
BOOST_DESCRIBE_STRUCT(Counted, (), (subject_id, n))

namespace {

using namespace std::chrono_literals;
using test::await;
using test::wait_until;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kTestSchema = R"(
CREATE TABLE counters (subject bigint NOT NULL PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE effects (subject bigint NOT NULL, n bigint NOT NULL, times bigint NOT NULL, PRIMARY KEY (subject, n));
)";

constexpr sql::Statement kCount{"test.count", R"(
    INSERT INTO counters (subject, n) VALUES ($1, 1)
    ON CONFLICT (subject) DO UPDATE SET n = counters.n + 1 RETURNING n)"};
constexpr sql::Statement kEffect{"test.effect", R"(
    INSERT INTO effects (subject, n, times) VALUES ($1, $2, 1)
    ON CONFLICT (subject, n) DO UPDATE SET times = effects.times + 1)"};
constexpr sql::Statement kListEffects{"test.list_effects", "SELECT subject, n, times FROM effects ORDER BY subject, n"};
constexpr sql::Statement kCountOutbox{"test.count_outbox", "SELECT COUNT(*) FROM outbox"};
constexpr sql::Statement kCountInbox{"test.count_inbox", "SELECT COUNT(*) FROM inbox"};
constexpr sql::Statement kListDead{"test.list_dead",
                                   "SELECT event_id, data, error FROM dead_letters ORDER BY consumer, event_id"};
constexpr sql::Statement kListOwners{"test.list_owners",
                                     "SELECT DISTINCT owner FROM relay_leases WHERE partition < 16 ORDER BY owner"};

// A bus that delivers to `inner` and then fails as told: as if the relay died before it could delete.
class FaultyBus final : public bus::Bus {
public:
    explicit FaultyBus(bus::Bus& inner) : inner_(inner) {}
    void subscribe(bus::Subscription subscription) override { inner_.subscribe(std::move(subscription)); }
    Task<void> publish(std::vector<bus::Envelope> events) override {
        if (failures_before > 0 && failures_before-- > 0) throw Unavailable("the bus is away");
        co_await inner_.publish(std::move(events));
        if (failures_after > 0 && failures_after-- > 0) throw Unavailable("died after the publish");
    }
    std::atomic<int> failures_before{0};
    std::atomic<int> failures_after{0};

private:
    bus::Bus& inner_;
};

// A bus that keeps what it is given.
class RecordingBus final : public bus::Bus {
public:
    void subscribe(bus::Subscription /*unused*/) override {}
    Task<void> publish(std::vector<bus::Envelope> events) override {
        ++batches;
        const std::lock_guard lock(mutex_);
        for (auto& event : events) events_.push_back(std::move(event));
        co_return;
    }
    std::vector<bus::Envelope> events() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return events_.size();
    }
    std::atomic<int> batches{0};

private:
    mutable std::mutex mutex_;
    std::vector<bus::Envelope> events_;
};

// run() of a relay on a thread of its own; stopped and joined at the end.
class RunningRelay {
public:
    RunningRelay(sql::Database& database, bus::Bus& bus, const Clock& clock, std::string owner, Relay::Options options)
        : relay_(database, bus, clock, std::move(owner), std::move(options)) {
        boost::asio::co_spawn(io_, relay_.run(), boost::asio::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    ~RunningRelay() { stop(); }
    void stop() {
        relay_.stop();
        if (thread_.joinable()) thread_.join();
    }
    Relay& relay() { return relay_; }

private:
    boost::asio::io_context io_{1};
    Relay relay_;
    std::thread thread_;
};

class OutboxContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const std::string missing = test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        place_.emplace(GetParam());
        database_ = place_->open();
        const std::vector<sql::Migration> migrations{{"platform/outbox", kSchema}, {"test", kTestSchema}};
        database_->migrate(migrations);
        consumers_.emplace(*database_, clock_);
    }

    // Counts `subject` up and appends the event in the same transaction; the new number.
    Task<std::int64_t> count(Outbox& outbox, std::int64_t subject) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<std::int64_t>> {
            auto counted = co_await tx.query(kCount, sql::params(subject));
            const Counted event{subject, counted[0].number(0)};
            co_await outbox.append(tx, event, "00-trace");
            co_return event.n;
        };
        const auto n = co_await database_->transact<std::int64_t>(body);
        if (!n) throw std::runtime_error(n.error().detail);
        co_return *n;
    }
    Task<void> count_all(Outbox& outbox, std::vector<std::int64_t> subjects) {
        for (const std::int64_t subject : subjects) co_await count(outbox, subject);
    }
    void count_times(std::int64_t subject, std::size_t times) {
        await(count_all(outbox_, std::vector<std::int64_t>(times, subject)));
    }

    std::int64_t number(const sql::Statement& statement) { return await(database_->read(statement, {}))[0].number(0); }
    std::int64_t outbox_size() { return number(kCountOutbox); }
    std::vector<std::string> owners() {
        auto rows = await(database_->read(kListOwners, {}));
        std::vector<std::string> out;
        for (auto row : rows) out.push_back(row.text(0));
        return out;
    }

    // Subject to its highest effect; checks that each effect up to that happened once.
    std::map<std::int64_t, std::int64_t> effects() {
        auto rows = await(database_->read(kListEffects, {}));
        std::map<std::int64_t, std::int64_t> last;
        for (auto row : rows) {
            EXPECT_EQ(row.number(1), ++last[row.number(0)]);
            EXPECT_EQ(row.number(2), 1) << row.number(0) << ", " << row.number(1);
        }
        return last;
    }

    void on_counted(std::function<Task<void>(sql::Transaction&, const Counted&)> effect) {
        consumers_->on<Counted>("test.effects", std::move(effect));
        consumers_->subscribe(*bus_);
    }
    static Task<void> record(sql::Transaction& tx, const Counted& event) {
        co_await tx.execute(kEffect, sql::params(event.subject_id, event.n));
    }

    std::optional<test::TestDatabase> place_;
    std::unique_ptr<sql::Database> database_;
    ManualClock clock_{std::chrono::floor<std::chrono::microseconds>(SystemClock().now())};
    IdGenerator ids_{clock_, 1};
    Outbox outbox_{"/test", ids_, clock_};
    std::unique_ptr<bus::Bus> bus_ = bus::make_memory_bus();
    std::optional<Consumers> consumers_;
};

// Every event of `events` once, and those of a subject in order from 1.
void expect_complete(const std::vector<bus::Envelope>& events, const std::map<std::int64_t, std::int64_t>& expected) {
    std::map<std::int64_t, std::int64_t> last;
    for (const auto& event : events) {
        const auto counted = json::read_trusted<Counted>(event.data);
        EXPECT_EQ(counted.n, ++last[event.subject]) << "subject " << event.subject;
    }
    EXPECT_EQ(last, expected);
}

TEST_P(OutboxContract, PublishesWhatWasCommittedAndForgetsIt) {
    RecordingBus bus;
    count_times(7, 2);
    Relay relay(*database_, bus, clock_, "a", {});
    EXPECT_EQ(await(relay.relay_once()), 2U);
    const auto events = bus.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].source, "/test");
    EXPECT_EQ(events[0].type, "test.counted.v1");
    EXPECT_EQ(events[0].subject, 7);
    EXPECT_EQ(events[0].time, clock_.now());
    EXPECT_EQ(events[0].traceparent, "00-trace");
    EXPECT_LT(events[0].id, events[1].id);
    EXPECT_EQ(outbox_size(), 0);
    EXPECT_EQ(await(relay.relay_once()), 0U);
}

TEST_P(OutboxContract, FailedTransactionLeavesNoOutboxRowAndWakesNobody) {
    std::atomic<int> wakes{0};
    outbox_.on_commit([&] { ++wakes; });
    auto refused = [&](sql::Transaction& tx) -> Task<Result<int>> {
        co_await outbox_.append(tx, Counted{1, 1});
        co_return Error{Code::conflict, "no"};
    };
    EXPECT_FALSE(await(database_->transact<int>(refused)));
    auto broken = [&](sql::Transaction& tx) -> Task<Result<int>> {
        co_await outbox_.append(tx, Counted{1, 1});
        throw std::runtime_error("bug");
    };
    EXPECT_THROW((void)await(database_->transact<int>(broken)), std::runtime_error);
    EXPECT_EQ(outbox_size(), 0);
    EXPECT_EQ(wakes, 0);
    count_times(1, 1);
    EXPECT_EQ(outbox_size(), 1);
    EXPECT_EQ(wakes, 1);
}

TEST_P(OutboxContract, KeepsTheOrderOfASubjectUnderConcurrentWritersWhoseClocksDiffer) {
    // Two replicas, one an hour behind; the relay reads while they write.
    const SystemClock clock;
    ManualClock slow(std::chrono::floor<std::chrono::microseconds>(clock.now()) - 1h);
    IdGenerator late_ids(slow, 2);
    IdGenerator ids(clock, 3);
    Outbox late("/test", late_ids, slow);
    Outbox timely("/test", ids, clock);
    RecordingBus bus;
    constexpr int kWriters = 8;
    constexpr int kEach = 60;
    {
        RunningRelay relay(*database_, bus, clock, "a", {.batch = 16});
        const auto wake = [&] { relay.relay().wake(); };
        late.on_commit(wake);
        timely.on_commit(wake);
        std::vector<std::jthread> threads;
        for (int i = 0; i < kWriters; ++i) {
            threads.emplace_back([&, i] {
                std::vector<std::int64_t> subjects;
                for (int n = 0; n < kEach; ++n) subjects.push_back(n % 4);
                await(count_all(i % 2 == 0 ? late : timely, subjects));
            });
        }
        threads.clear();
        EXPECT_TRUE(wait_until([&] { return bus.size() == kWriters * kEach; }));
    }
    const std::int64_t expected = kWriters * kEach / 4;
    expect_complete(bus.events(), {{0, expected}, {1, expected}, {2, expected}, {3, expected}});
    EXPECT_EQ(outbox_size(), 0);
}

TEST_P(OutboxContract, EffectHappensOnceAlthoughTheRelayDiesBetweenPublishAndDelete) {
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
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 4}, {2, 2}}));
    EXPECT_EQ(outbox_size(), 0);
}

TEST_P(OutboxContract, ARelayThatStartsAgainUnderItsNameGoesOnAtOnce) {
    RecordingBus recording;
    FaultyBus bus(recording);
    count_times(1, 1);
    bus.failures_before = 1;
    EXPECT_THROW(await(Relay(*database_, bus, clock_, "a", {}).relay_once()), Unavailable);
    EXPECT_EQ(await(Relay(*database_, bus, clock_, "a", {}).relay_once()), 1U);
}

TEST_P(OutboxContract, EffectHappensOnceAlthoughEventsComeTwice) {
    on_counted(record);
    RecordingBus recording;
    count_times(1, 3);
    Relay relay(*database_, recording, clock_, "a", {});
    await(relay.relay_once());
    const auto events = recording.events();
    await(bus_->publish({events[0]}));
    await(bus_->publish(events));
    await(bus_->publish({events[2], events[2]}));
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 3}}));
}

TEST_P(OutboxContract, TwoRelaysShareWithoutDoubling) {
    const SystemClock clock;
    RecordingBus first_bus;
    RecordingBus second_bus;
    const Relay::Options options{.batch = 16, .poll = 5ms, .lease = 3s};
    std::map<std::int64_t, std::int64_t> written;
    {
        RunningRelay first(*database_, first_bus, clock, "first", options);
        ASSERT_TRUE(wait_until([&] { return owners() == std::vector<std::string>{"first"}; }));
        RunningRelay second(*database_, second_bus, clock, "second", options);
        const bool shared = wait_until([&] {
            for (std::int64_t subject = 1; subject <= 20; ++subject) {
                count_times(subject, 1);
                ++written[subject];
            }
            return first_bus.size() > 0 && second_bus.size() > 50;
        });
        EXPECT_TRUE(shared);
        EXPECT_THAT(owners(), ElementsAre("first", "second"));
    }
    EXPECT_EQ(outbox_size(), 0);
    // A subject moves from the first to the second relay at most once, so this is the order in which its events were published.
    auto all = first_bus.events();
    std::ranges::move(second_bus.events(), std::back_inserter(all));
    expect_complete(all, written);
    EXPECT_THAT(owners(), ElementsAre(""));
}

TEST_P(OutboxContract, ABusyPartitionDoesNotStarveTheOthers) {
    RecordingBus bus;
    std::int64_t quiet = 2;
    while (partition_of(quiet) <= partition_of(1)) ++quiet;
    count_times(1, 100);
    count_times(quiet, 1);
    Relay relay(*database_, bus, clock_, "a", {.batch = 10});
    EXPECT_EQ(await(relay.relay_once()), 101U);
    const auto events = bus.events();
    const auto found = std::ranges::find(events, quiet, &bus::Envelope::subject);
    EXPECT_LE(found - events.begin(), 10);
    expect_complete(events, {{1, 100}, {quiet, 1}});
}

TEST_P(OutboxContract, WakeDuringAPublishIsNotLost) {
    const SystemClock clock;
    std::atomic<int> handled{0};
    auto handle = [&](std::vector<bus::Envelope> events) -> Task<void> {
        co_await sleep_for(2ms);
        handled += static_cast<int>(events.size());
    };
    bus_->subscribe({"slow", {"test.counted.v1"}, handle});
    RunningRelay relay(*database_, *bus_, clock, "a", {.poll = 1h});
    outbox_.on_commit([&] { relay.relay().wake(); });
    int written = 0;
    for (int round = 0; round < 40; ++round) {
        // One while the relay sleeps, others while it is at work.
        for (int n = 0; n <= round % 4; ++n, ++written) count_times(round, 1);
        if (round % 3 == 0) {
            ASSERT_TRUE(wait_until([&] { return handled == written; })) << round;
        }
    }
    EXPECT_TRUE(wait_until([&] { return handled == written; }));
}

TEST_P(OutboxContract, ABurstOfCommitsCostsFewTurns) {
    const SystemClock clock;
    RecordingBus bus;
    RunningRelay relay(*database_, bus, clock, "a", {.poll = 1h, .rest = 50ms});
    outbox_.on_commit([&] { relay.relay().wake(); });
    for (int i = 0; i < 100; ++i) count_times(i, 1);
    ASSERT_TRUE(wait_until([&] { return bus.size() == 100; }));
    EXPECT_LT(bus.batches, 60);
}

TEST_P(OutboxContract, GoesOnByItselfAfterTheBusWasAway) {
    const SystemClock clock;
    RecordingBus recording;
    FaultyBus bus(recording);
    bus.failures_before = 3;
    count_times(1, 2);
    RunningRelay relay(*database_, bus, clock, "a", {});
    EXPECT_TRUE(wait_until([&] { return recording.size() == 2; }));
    expect_complete(recording.events(), {{1, 2}});
}

TEST_P(OutboxContract, StopRelaysWhatIsLeftAndGivesTheLeasesBack) {
    RecordingBus bus;
    {
        RunningRelay relay(*database_, bus, clock_, "a", {.poll = 1h});
        ASSERT_TRUE(wait_until([&] { return owners() == std::vector<std::string>{"a"}; }));
        count_times(1, 3);  // nobody wakes the relay
        relay.stop();
    }
    EXPECT_EQ(bus.size(), 3U);
    EXPECT_THAT(owners(), ElementsAre(""));
    count_times(1, 1);
    EXPECT_EQ(await(Relay(*database_, bus, clock_, "b", {}).relay_once()), 1U);
}

TEST_P(OutboxContract, PoisonGoesToTheDeadLettersAfterFiveTriesAndTheRestGoesOn) {
    std::atomic<int> tries{0};
    on_counted([&](sql::Transaction& tx, const Counted& event) -> Task<void> {
        if (event.n == 2) {
            ++tries;
            throw std::runtime_error("cannot digest this: \xFF");
        }
        co_await record(tx, event);
    });
    count_times(1, 4);
    Relay relay(*database_, *bus_, clock_, "a", {});
    EXPECT_EQ(await(relay.relay_once()), 4U);
    EXPECT_EQ(tries, 6);  // with the batch, then five alone
    auto rows = await(database_->read(kListEffects, {}));
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[1].number(1), 3);
    auto dead = await(database_->read(kListDead, {}));
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].text(1), R"({"subject_id":1,"n":2})");
    EXPECT_EQ(dead[0].text(2), "cannot digest this: ?");
    EXPECT_EQ(outbox_size(), 0);
}

TEST_P(OutboxContract, DataThatCannotBeReadGoesToTheDeadLettersAtOnceAndOnlyOnce) {
    int runs = 0;
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
    await(bus_->publish({bad, good}));
    await(bus_->publish({bad, good}));
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 1}}));
    EXPECT_EQ(await(database_->read(kListDead, {})).size(), 1U);
}

TEST_P(OutboxContract, ADatabaseThatIsAwayIsNotAFailedTry) {
    std::atomic<int> away{7};
    on_counted([&](sql::Transaction& tx, const Counted& event) -> Task<void> {
        if (away > 0 && away-- > 0) throw Unavailable("away");
        co_await record(tx, event);
    });
    count_times(1, 2);
    Relay relay(*database_, *bus_, clock_, "a", {});
    for (int i = 0; i < 7; ++i) {
        EXPECT_THROW(await(relay.relay_once()), Unavailable);
    }
    EXPECT_EQ(outbox_size(), 2);
    EXPECT_EQ(await(relay.relay_once()), 2U);
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 2}}));
    EXPECT_EQ(await(database_->read(kListDead, {})).size(), 0U);
}

TEST_P(OutboxContract, RepeatableEffectsAreTriedAgainAndThenSetAside) {
    std::vector<std::int64_t> seen;
    consumers_->on_repeatable<Counted>("test.repeatable", [&](const Counted& event) -> Task<void> {
        seen.push_back(event.n);
        if (event.n == 2) throw std::runtime_error("never");
        if (event.n == 3 && std::ranges::count(seen, 3) < 3) throw std::runtime_error("not yet");
        co_return;
    });
    consumers_->subscribe(*bus_);
    count_times(1, 4);
    Relay relay(*database_, *bus_, clock_, "a", {});
    EXPECT_EQ(await(relay.relay_once()), 4U);
    EXPECT_THAT(seen, ElementsAre(1, 2, 2, 2, 2, 2, 3, 3, 3, 4));
    EXPECT_EQ(await(database_->read(kListDead, {})).size(), 1U);
}

TEST_P(OutboxContract, PruneForgetsOnlyWhatIsOld) {
    on_counted(record);
    auto many = [&](sql::Transaction& tx) -> Task<Result<int>> {
        for (std::int64_t n = 1; n <= 1500; ++n) co_await outbox_.append(tx, Counted{1, n});
        co_return 0;
    };
    ASSERT_TRUE(await(database_->transact<int>(many)));
    clock_.advance(std::chrono::days(9));
    count_times(2, 3);
    Relay relay(*database_, *bus_, clock_, "a", {});
    EXPECT_EQ(await(relay.relay_once()), 1503U);
    EXPECT_EQ(number(kCountInbox), 1503);
    await(consumers_->prune());
    EXPECT_EQ(number(kCountInbox), 3);
}

INSTANTIATE_TEST_SUITE_P(, OutboxContract, testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return engine.param; });

TEST(Partition, OfASubjectNeverChanges) {
    std::set<std::int64_t> partitions;
    for (std::int64_t subject = 0; subject < 1000; ++subject) partitions.insert(partition_of(subject));
    EXPECT_EQ(partitions.size(), 16U);
    EXPECT_EQ(*partitions.begin(), 0);
    EXPECT_EQ(*partitions.rbegin(), 15);
    EXPECT_EQ(partition_of(1), 14);
    EXPECT_EQ(partition_of(7'301'234'567'890'123'456), 1);
}

}  // namespace
}  // namespace guildhall::outbox
