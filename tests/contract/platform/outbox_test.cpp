#include "platform/outbox/outbox.hpp"

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/async/task_group.hpp"
#include "platform/bus/memory.hpp"
#include "platform/outbox/partition.hpp"
#include "platform/outbox/relay.hpp"
#include "support/await.hpp"
#include "support/manual_clock.hpp"
#include "support/outbox_world.hpp"
#include "support/watched_database.hpp"

namespace guildhall::outbox {

namespace {

using namespace std::chrono_literals;
using test::await;
using test::Counted;
using test::FaultyBus;
using test::RecordingBus;
using test::RunningRelay;
using test::wait_until;
using testing::ElementsAre;

constexpr sql::Statement kListOwners{"test.list_owners",
                                     "SELECT DISTINCT owner FROM relay_leases WHERE partition < 16 ORDER BY owner"};

class OutboxContract : public testing::TestWithParam<const char*>, protected test::OutboxWorld {
protected:
    void SetUp() override {
        if (const std::string missing = test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        open(GetParam());
    }
    std::vector<std::string> owners() {
        auto rows = await(database_->read(kListOwners, {}));
        std::vector<std::string> out;
        for (auto row : rows) out.push_back(row.text(0));
        return out;
    }
};

// Checks that each event of `events` is there once, and those of a subject in order from 1.
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
    test::ManualClock slow(std::chrono::floor<std::chrono::microseconds>(clock.now()) - 1h);
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

TEST_P(OutboxContract, ARelayThatRestartsUnderItsNameContinuesImmediately) {
    RecordingBus recording;
    FaultyBus bus(recording);
    count_times(1, 1);
    bus.failures_before = 1;
    EXPECT_THROW(await(Relay(*database_, bus, clock_, "a", {}).relay_once()), Unavailable);
    EXPECT_EQ(await(Relay(*database_, bus, clock_, "a", {}).relay_once()), 1U);
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
    // A subject moves from the first to the second relay at most once, so this is the order in which its events were
    // published.
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
    const auto bus = bus::make_memory_bus();
    bus->subscribe({"slow", {"test.counted.v1"}, handle});
    RunningRelay relay(*database_, *bus, clock, "a", {.poll = 1h});
    outbox_.on_commit([&] { relay.relay().wake(); });
    int written = 0;
    for (int round = 0; round < 40; ++round) {
        // One while the relay sleeps, others while it works.
        for (int n = 0; n <= round % 4; ++n, ++written) count_times(round, 1);
        if (round % 3 == 0) {
            ASSERT_TRUE(wait_until([&] { return handled == written; })) << round;
        }
    }
    EXPECT_TRUE(wait_until([&] { return handled == written; }));
}

TEST_P(OutboxContract, ABurstOfCommitsTakesFewBatches) {
    const SystemClock clock;
    RecordingBus bus;
    RunningRelay relay(*database_, bus, clock, "a", {.poll = 1h, .rest = 50ms});
    outbox_.on_commit([&] { relay.relay().wake(); });
    for (int i = 0; i < 100; ++i) count_times(i, 1);
    ASSERT_TRUE(wait_until([&] { return bus.size() == 100; }));
    EXPECT_LT(bus.batches, 60);
}

// [F: at rest 1.3 commits a second in each database]
TEST_P(OutboxContract, ARelayWithNothingToDoGivesItsLeasesBackAndWritesNothing) {
    auto watched = std::make_unique<test::WatchedDatabase>(std::move(database_));
    test::WatchedDatabase& counted = *watched;
    database_ = std::move(watched);
    RecordingBus bus;
    RunningRelay relay(*database_, bus, clock_, "a", {.poll = 1ms, .sleep_after = 20ms, .sleep_poll = 1ms});
    outbox_.on_commit([&] { relay.relay().wake(); });
    count_times(1, 1);
    ASSERT_TRUE(wait_until([&] { return bus.size() == 1 && owners() == std::vector<std::string>{""}; }));
    const int transactions = counted.transactions;
    const int reads = counted.reads;
    ASSERT_TRUE(wait_until([&] { return counted.reads > reads + 50; }));
    EXPECT_EQ(counted.transactions, transactions);
    count_times(1, 1);
    EXPECT_TRUE(wait_until([&] { return bus.size() == 2; }));
}

TEST_P(OutboxContract, ASleepingRelayWakesForItsProcessAtOnceAndFindsWhatOthersWrote) {
    RecordingBus bus;
    RunningRelay woken(*database_, bus, clock_, "woken", {.sleep_after = 0ms, .sleep_poll = 1h});
    ASSERT_TRUE(wait_until([&] { return owners() == std::vector<std::string>{""}; }));
    count_times(1, 1);
    woken.relay().wake();
    EXPECT_TRUE(wait_until([&] { return bus.size() == 1; }));
    woken.stop();
    count_times(1, 1);
    RunningRelay looking(*database_, bus, clock_, "looking", {.sleep_after = 0ms, .sleep_poll = 5ms});
    EXPECT_TRUE(wait_until([&] { return bus.size() == 2; }));
    ASSERT_TRUE(wait_until([&] { return owners() == std::vector<std::string>{""}; }));
    count_times(1, 1);
    EXPECT_TRUE(wait_until([&] { return bus.size() == 3; }));
    expect_complete(bus.events(), {{1, 3}});
}

TEST_P(OutboxContract, ContinuesByItselfAfterTheBusWasUnavailable) {
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
        count_times(1, 3);  // without waking the relay
        relay.stop();
    }
    EXPECT_EQ(bus.size(), 3U);
    EXPECT_THAT(owners(), ElementsAre(""));
    count_times(1, 1);
    EXPECT_EQ(await(Relay(*database_, bus, clock_, "b", {}).relay_once()), 1U);
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
