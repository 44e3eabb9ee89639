// What the kit does for every service, on each database.
#include "platform/service/foundation.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "platform/bus/memory.hpp"
#include "platform/http/idempotency.hpp"
#include "support/databases.hpp"
#include "support/manual_clock.hpp"
#include "support/watched_database.hpp"

namespace guildhall::service {
namespace {

constexpr sql::Statement kCountKeys{"test.keys", "SELECT COUNT(*) FROM idempotency_keys"};
constexpr sql::Statement kCountDead{"test.dead", "SELECT COUNT(*) FROM dead_letters"};

class FoundationContract : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (const auto missing = test::TestDatabase::missing(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
        place_.emplace(GetParam());
        foundation_ = make("first");
    }
    std::unique_ptr<Foundation> make(std::string owner) {
        hosts_.push_back(std::make_unique<Host>(Host{
            .clock = clock_,
            .coherence = *coherence_,
            .bus = *bus_,
            .owner = std::move(owner),
            .run_and_wait = [this](std::function<Task<void>()> task) { loop_.run(task()); },
        }));
        const auto open = [this](ReplicaPorts) {
            auto watched = std::make_unique<test::WatchedDatabase>(place_->open());
            database_ = watched.get();
            watched->before_each_transaction = [this] {
                if (is_full_) throw Unavailable("the disk is full", Code::insufficient_storage);
            };
            return watched;
        };
        const Definition definition{.name = "idle",
                                    .migrations = {},
                                    .describe_routes = [](http::Router&) {},
                                    .describe_consumers = [](outbox::Bindings&) {}};
        return std::make_unique<Foundation>(*hosts_.back(), definition, open);
    }
    void use_key(const std::string& key) {
        auto body = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            http::IdempotencyClaim claim(UserId{7}, "POST /v1/things", key, "x", clock_.now());
            const auto recorded = co_await claim.record(tx, 201, "", "{}");
            co_return recorded.has_value();
        };
        ASSERT_TRUE(loop_.run(database_->transact<bool>(body)).value());
    }
    void bury_event() {
        database_->execute_script(
            "INSERT INTO dead_letters (consumer, event_id, subject, type, source, time, traceparent, data, error, at) "
            "VALUES ('idle.all', 1, 1, 'a', '/a', 1, '', '{}', 'broken', " +
            std::to_string(to_micros(clock_.now())) + ")");
    }
    std::int64_t number(const sql::Statement& statement) {
        return loop_.run(database_->read(statement, {}))[0].number(0);
    }
    std::int64_t keys() { return number(kCountKeys); }
    std::int64_t dead_letters() { return number(kCountDead); }

    test::TestLoop loop_;
    test::ManualClock clock_{Time(std::chrono::days(20'000))};
    std::optional<test::TestDatabase> place_;
    const std::unique_ptr<cache::Coherence> coherence_ = cache::make_memory_coherence();
    const std::unique_ptr<bus::Bus> bus_ = bus::make_memory_bus();
    std::vector<std::unique_ptr<Host>> hosts_;
    bool is_full_ = false;
    test::WatchedDatabase* database_ = nullptr;  // of the last foundation
    std::unique_ptr<Foundation> foundation_;
};

INSTANTIATE_TEST_SUITE_P(, FoundationContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

TEST_P(FoundationContract, TwoProcessesOfAServiceNeverMakeTheSameId) {
    const auto second = make("second");
    for (int i = 0; i < 100; ++i) EXPECT_NE(foundation_->base().ids.next<UserId>(), second->base().ids.next<UserId>());
}

TEST_P(FoundationContract, UpkeepDeletesOldKeysAndDeadLettersOfEveryService) {
    use_key("key-1");
    bury_event();
    loop_.run(foundation_->maintain());
    EXPECT_EQ(keys(), 1);
    EXPECT_EQ(dead_letters(), 1);
    clock_.advance(std::chrono::days(91));
    loop_.run(foundation_->maintain());
    EXPECT_EQ(keys(), 0);
    EXPECT_EQ(dead_letters(), 0);
}

// [F: at rest 1.3 commits a second in each database]
TEST_P(FoundationContract, UpkeepAtRestCommitsOnlyToRenewTheNodeNumber) {
    loop_.run(foundation_->maintain());
    const int transactions = database_->transactions;
    for (int minute = 0; minute < 10; ++minute) {
        for (int second = 0; second < 60; ++second) loop_.run(foundation_->maintain());
        clock_.advance(std::chrono::minutes(1));
    }
    EXPECT_LE(database_->transactions - transactions, 2);
    EXPECT_GT(database_->transactions, transactions) << "the node number is not renewed";
}

// [F: no start on a full disk]
TEST_P(FoundationContract, OnAFullDiskItStartsWithoutANodeNumberAndTakesOneLater) {
    is_full_ = true;
    const auto late = make("late");
    const auto refusal = [&]() -> std::optional<Code> {
        try {
            late->base().ids.next_value();
        } catch (const Unavailable& reason) {
            return reason.code;
        }
        return std::nullopt;
    };
    const auto is_writable = [&] { return loop_.run(late->dependencies()[1].is_up()); };
    EXPECT_EQ(refusal(), Code::insufficient_storage);
    EXPECT_FALSE(is_writable());
    EXPECT_TRUE(loop_.run(late->dependencies()[0].is_up())) << "reads are served";
    loop_.run(late->maintain());
    EXPECT_FALSE(is_writable());
    loop_.run(late->release());
    is_full_ = false;
    loop_.run(late->maintain());
    EXPECT_TRUE(is_writable());
    EXPECT_EQ(refusal(), std::nullopt);
    EXPECT_NE(late->base().ids.next_value(), foundation_->base().ids.next_value());
}

TEST_P(FoundationContract, UpkeepThatFailedIsDoneAtTheNextTurn) {
    use_key("key-1");
    loop_.run(foundation_->maintain());
    clock_.advance(std::chrono::hours(25));
    // The first transaction renews the node number, the second deletes keys.
    database_->before_next_transaction = [this] {
        database_->before_next_transaction = [] { throw Unavailable("the database is unavailable"); };
    };
    loop_.run(foundation_->maintain());
    EXPECT_EQ(keys(), 1);
    loop_.run(foundation_->maintain());
    EXPECT_EQ(keys(), 0);
}

}  // namespace
}  // namespace guildhall::service
