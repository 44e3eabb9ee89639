// The bus over RabbitMQ while its broker, or its consumer, dies, freezes and comes back. Uses its own node, which takes
// about 10 s per start.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include "platform/async/task_group.hpp"
#include "platform/base/result.hpp"
#include "platform/json/write.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/relay.hpp"
#include "platform/sql/sqlite.hpp"
#include "support/await.hpp"
#include "support/buses.hpp"
#include "support/outbox_world.hpp"
#include "support/rabbitmq_node.hpp"

namespace guildhall::outbox {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::Counted;
using test::wait_until;

class RabbitmqFaults : public testing::Test, protected test::OutboxWorld {
protected:
    static void SetUpTestSuite() {
        if (test::TestBus::missing("rabbitmq").empty()) node_ = std::make_unique<test::RabbitmqNode>();
    }
    static void TearDownTestSuite() { node_.reset(); }

    void SetUp() override {
        if (!node_) GTEST_SKIP() << test::TestBus::missing("rabbitmq");
        open("sqlite");
    }
    void TearDown() override {
        if (bus_) bus_->stop(5s);
    }

    // Deadlines short enough for a test.
    bus::RabbitmqOptions options() {
        return {.urls = {node_->url()},
                .prefix = prefix_,
                .executors = {thread_.executor()},
                .heartbeat = 1s,
                .connect_deadline = 1s,
                .confirm_deadline = 2s,
                .reconnect_at_most = 200ms};
    }
    void start(std::chrono::milliseconds pause = 0ms) {
        bus_ = bus::make_rabbitmq_bus(options());
        consumers_->on<Counted>("test.effects", [pause](sql::Transaction& tx, const Counted& event) -> Task<void> {
            if (pause > 0ms) co_await sleep_for(pause);
            co_await record(tx, event);
        });
        consumers_->subscribe(*bus_);
        bus_->start();
    }
    // Writes `each` facts of `subjects` subjects, many in one transaction.
    void write_many(std::int64_t subjects, std::int64_t each) {
        for (std::int64_t n = 0; n < each; ++n) {
            auto body = [&](sql::Transaction& tx) -> Task<Result<bool>> {
                for (std::int64_t subject = 1; subject <= subjects; ++subject) {
                    auto counted = co_await tx.query(test::kCount, sql::params(subject));
                    co_await outbox_.append(tx, Counted{subject, counted[0].number(0)});
                }
                co_return true;
            };
            ASSERT_TRUE(await(database_->transact<bool>(body)));
        }
    }
    std::int64_t effect_count() { return number(kCountEffects); }
    static constexpr sql::Statement kCountEffects{"test.count_effects", "SELECT COUNT(*) FROM effects"};

    static std::unique_ptr<test::RabbitmqNode> node_;
    const std::string prefix_ = test::TestBus::fresh_prefix();
    test::IoThread thread_;
    std::unique_ptr<bus::Bus> bus_;
};
std::unique_ptr<test::RabbitmqNode> RabbitmqFaults::node_;

// [X24]
TEST_F(RabbitmqFaults, ABrokerKilledWithTenThousandEventsInFlightLosesAndDoublesNone) {
    start();
    write_many(100, 100);
    ASSERT_TRUE(wait_until([&] { return bus_->ready(); }));
    // A node that is killed within a second after a queue was created may come back without its leader. This is not
    // tested here.
    std::this_thread::sleep_for(2s);
    const SystemClock clock;
    test::RunningRelay relay(*database_, *bus_, clock, "a", {});
    ASSERT_TRUE(wait_until([&] { return effect_count() > 1000; }));
    node_->kill();
    EXPECT_GT(outbox_size(), 0);
    EXPECT_LT(effect_count(), 10'000);
    write_many(100, 1);  // requests continue
    node_->start();
    ASSERT_TRUE(wait_until([&] { return outbox_size() == 0 && effect_count() == 10'100; }, 60s))
        << outbox_size() << " wait, " << effect_count() << " are done";
    bus_->stop(5s);
    const auto done = effects();  // checks that each happened once
    EXPECT_EQ(done.size(), 100U);
    for (const auto& [subject, last] : done) EXPECT_EQ(last, 101) << subject;
}

TEST_F(RabbitmqFaults, WithoutABrokerFactsAreWrittenAndTheirEventsCatchUpByThemselves) {
    node_->kill();
    start();
    const SystemClock clock;
    test::RunningRelay relay(*database_, *bus_, clock, "a", {});
    outbox_.on_commit([&] { relay.relay().wake(); });
    const auto begin = std::chrono::steady_clock::now();
    write_many(10, 20);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_EQ(outbox_size(), 200);
    EXPECT_FALSE(bus_->ready());
    EXPECT_THROW(await(bus_->publish({bus::Envelope{}})), Unavailable);
    node_->start();
    ASSERT_TRUE(wait_until([&] { return outbox_size() == 0 && effect_count() == 200; }, 30s));
    EXPECT_TRUE(bus_->ready());
    bus_->stop(5s);
    EXPECT_EQ(effects().size(), 10U);
}

TEST_F(RabbitmqFaults, ABrokerThatFallsSilentIsNoticedAndEventsCatchUpWhenItSpeaksAgain) {
    start();
    ASSERT_TRUE(wait_until([&] { return bus_->ready(); }));
    node_->freeze();
    auto begin = std::chrono::steady_clock::now();
    count_times(1, 3);
    Relay relay(*database_, *bus_, clock_, "a", {});
    EXPECT_THROW(await(relay.relay_once()), Unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);  // the deadline of the confirmation is 2 s
    // The receiver has nothing to send: it misses two heartbeats.
    EXPECT_TRUE(wait_until([&] { return !bus_->ready(); }));
    EXPECT_EQ(outbox_size(), 3);
    node_->thaw();
    begin = std::chrono::steady_clock::now();
    while (outbox_size() > 0 && std::chrono::steady_clock::now() - begin < 20s) {
        try {
            await(relay.relay_once());
        } catch (const Unavailable&) {
        }
    }
    ASSERT_TRUE(wait_until([&] { return effect_count() == 3; }));
    bus_->stop(5s);
    EXPECT_EQ(effects(), (std::map<std::int64_t, std::int64_t>{{1, 3}}));
}

TEST_F(RabbitmqFaults, AReceiverAloneNoticesASilentBrokerByItsHeartbeat) {
    start();
    ASSERT_TRUE(wait_until([&] { return bus_->ready(); }));
    node_->freeze();
    EXPECT_TRUE(wait_until([&] { return !bus_->ready(); }));
    node_->thaw();
    EXPECT_TRUE(wait_until([&] { return bus_->ready(); }));
}

constexpr std::int64_t kKilledSubjects = 10;
constexpr std::int64_t kKilledEach = 100;

// The other process of the next test: consumes until it is killed.
TEST(RabbitmqFaultsProcess, DISABLED_Consumes) {
    const auto database = sql::open_sqlite({.file = std::getenv("GUILDHALL_TEST_CHILD_FILE")});
    const SystemClock clock;
    const auto coherence = cache::make_memory_coherence();
    Consumers consumers(*database, clock, *coherence);
    const auto effect = [](sql::Transaction& tx, const Counted& event) -> Task<void> {
        std::this_thread::sleep_for(1ms);  // so that it is killed in the middle
        co_await tx.execute(test::kEffect, sql::params(event.subject_id, event.n));
    };
    consumers.on<Counted>("test.effects", effect);
    test::IoThread thread;
    const auto bus = bus::make_rabbitmq_bus({.urls = {std::getenv("GUILDHALL_TEST_CHILD_URL")},
                                             .prefix = std::getenv("GUILDHALL_TEST_CHILD_PREFIX"),
                                             .executors = {thread.executor()},
                                             .batch = 16});
    consumers.subscribe(*bus);
    bus->start();
    ::pause();
}

// [X24]
TEST_F(RabbitmqFaults, AConsumerKilledInTheMiddleLosesAndDoublesNothing) {
    bus::RabbitmqOptions publishing = options();
    publishing.remote_consumers = {{"test.effects", {std::string(Counted::kType)}}};
    const auto publisher = bus::make_rabbitmq_bus(publishing);
    publisher->start();
    ::setenv("GUILDHALL_TEST_CHILD_FILE", place_->file().c_str(), 1);
    ::setenv("GUILDHALL_TEST_CHILD_URL", node_->url().c_str(), 1);
    ::setenv("GUILDHALL_TEST_CHILD_PREFIX", prefix_.c_str(), 1);
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    std::string filter = "--gtest_filter=RabbitmqFaultsProcess.DISABLED_Consumes";
    std::string disabled = "--gtest_also_run_disabled_tests";
    std::string output = "--gtest_output=";
    char* arguments[] = {const_cast<char*>(self.c_str()), filter.data(), disabled.data(), output.data(), nullptr};
    // The child must not inherit this program's shard of the tests (GTEST_SHARD_INDEX) and its report.
    std::vector<char*> variables;
    for (char** one = environ; *one != nullptr; ++one)
        if (!std::string_view(*one).starts_with("GTEST_")) variables.push_back(*one);
    variables.push_back(nullptr);
    pid_t child = 0;
    ASSERT_EQ(::posix_spawn(&child, self.c_str(), nullptr, nullptr, arguments, variables.data()), 0);

    std::vector<bus::Envelope> events;
    for (std::int64_t n = 1; n <= kKilledEach; ++n) {
        for (std::int64_t subject = 1; subject <= kKilledSubjects; ++subject) {
            std::string data;
            json::write(data, Counted{subject, n});
            events.push_back({.id = ids_.next<bus::EventId>(),
                              .source = "/test",
                              .type = std::string(Counted::kType),
                              .subject = subject,
                              .time = clock_.now(),
                              .traceparent = "",
                              .data = data});
        }
    }
    await(publisher->publish(events));
    const bool has_begun = wait_until([&] { return effect_count() > 100; });
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ASSERT_TRUE(has_begun);
    EXPECT_LT(effect_count(), kKilledSubjects * kKilledEach);

    start();
    EXPECT_TRUE(wait_until([&] { return effect_count() == kKilledSubjects * kKilledEach; }));
    bus_->stop(5s);
    publisher->stop(0s);
    EXPECT_EQ(effects().size(), static_cast<std::size_t>(kKilledSubjects));  // and each happened once
}

}  // namespace
}  // namespace guildhall::outbox
