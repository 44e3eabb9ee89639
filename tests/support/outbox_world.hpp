#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/describe/class.hpp>
#include <gtest/gtest.h>

#include "platform/bus/bus.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/outbox/relay.hpp"
#include "support/await.hpp"
#include "support/databases.hpp"
#include "support/manual_clock.hpp"

namespace guildhall::test {

/// The `n`-th change of `subject_id`.
struct Counted {
    static constexpr std::string_view kType = "test.counted.v1";
    std::int64_t subject_id;
    std::int64_t n;
    std::int64_t subject() const { return subject_id; }
};
BOOST_DESCRIBE_STRUCT(Counted, (), (subject_id, n))

inline constexpr const char* kTestSchema = R"(
CREATE TABLE counters (subject bigint NOT NULL PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE effects (subject bigint NOT NULL, n bigint NOT NULL, times bigint NOT NULL, PRIMARY KEY (subject, n));
)";

inline constexpr sql::Statement kCount{"test.count", R"(
    INSERT INTO counters (subject, n) VALUES ($1, 1)
    ON CONFLICT (subject) DO UPDATE SET n = counters.n + 1 RETURNING n)"};
inline constexpr sql::Statement kEffect{"test.effect", R"(
    INSERT INTO effects (subject, n, times) VALUES ($1, $2, 1)
    ON CONFLICT (subject, n) DO UPDATE SET times = effects.times + 1)"};
inline constexpr sql::Statement kListEffects{"test.list_effects",
                                             "SELECT subject, n, times FROM effects ORDER BY subject, n"};
inline constexpr sql::Statement kCountOutbox{"test.count_outbox", "SELECT COUNT(*) FROM outbox"};
/// A bus that delivers to `inner` and then fails as asked: as if the relay died before it could delete.
class FaultyBus final : public bus::Bus {
public:
    explicit FaultyBus(bus::Bus& inner) : inner_(inner) {}
    void subscribe(bus::Subscription subscription) override { inner_.subscribe(std::move(subscription)); }
    Task<void> publish(std::vector<bus::Envelope> events) override {
        if (failures_before > 0 && failures_before-- > 0) throw Unavailable("the bus is unavailable");
        co_await inner_.publish(std::move(events));
        if (failures_after > 0 && failures_after-- > 0) throw Unavailable("died after the publish");
    }
    std::atomic<int> failures_before{0};
    std::atomic<int> failures_after{0};

private:
    bus::Bus& inner_;
};

/// A bus that stores the published events.
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

/// Runs a relay on its own thread; stops and joins it when destroyed.
class RunningRelay {
public:
    RunningRelay(sql::Database& database, bus::Bus& bus, const Clock& clock, std::string owner,
                 outbox::Relay::Options options)
        : relay_(database, bus, clock, std::move(owner), std::move(options)) {
        boost::asio::co_spawn(io_, relay_.run(), boost::asio::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    ~RunningRelay() { stop(); }
    void stop() {
        relay_.stop();
        if (thread_.joinable()) thread_.join();
    }
    outbox::Relay& relay() { return relay_; }

private:
    boost::asio::io_context io_{1};
    outbox::Relay relay_;
    std::thread thread_;
};

/// A service with an outbox and an inbox whose facts count subjects up, and whose effects are counted.
class OutboxWorld {
protected:
    /// Opens a fresh database of `engine`.
    void open(const std::string& engine) {
        place_.emplace(engine);
        database_ = place_->open();
        std::vector<sql::Migration> all = outbox::migrations();
        all.push_back({"test", kTestSchema});
        database_->migrate(all);
        consumers_.emplace(*database_, clock_, *coherence_);
    }

    /// Increments the counter of `subject`, appends the event in the same transaction, and returns the new number.
    Task<std::int64_t> count(outbox::Outbox& outbox, std::int64_t subject) {
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
    Task<void> count_all(outbox::Outbox& outbox, std::vector<std::int64_t> subjects) {
        for (const std::int64_t subject : subjects) co_await count(outbox, subject);
    }
    void count_times(std::int64_t subject, std::size_t times) {
        await(count_all(outbox_, std::vector<std::int64_t>(times, subject)));
    }

    std::int64_t number(const sql::Statement& statement) { return await(database_->read(statement, {}))[0].number(0); }
    std::int64_t outbox_size() { return number(kCountOutbox); }
    /// The highest effect of each subject. Checks that each effect up to it happened once.
    std::map<std::int64_t, std::int64_t> effects() {
        auto rows = await(database_->read(kListEffects, {}));
        std::map<std::int64_t, std::int64_t> last;
        for (auto row : rows) {
            EXPECT_EQ(row.number(1), ++last[row.number(0)]);
            EXPECT_EQ(row.number(2), 1) << row.number(0) << ", " << row.number(1);
        }
        return last;
    }

    /// The effect that is counted.
    static Task<void> record(sql::Transaction& tx, const Counted& event) {
        co_await tx.execute(kEffect, sql::params(event.subject_id, event.n));
    }

    std::optional<TestDatabase> place_;
    std::unique_ptr<sql::Database> database_;
    const std::unique_ptr<cache::Coherence> coherence_ = cache::make_memory_coherence();
    ManualClock clock_{std::chrono::floor<std::chrono::microseconds>(SystemClock().now())};
    IdGenerator ids_{clock_, 1};
    outbox::Outbox outbox_{"/test", ids_, clock_};
    std::optional<outbox::Consumers> consumers_;
};

}  // namespace guildhall::test
