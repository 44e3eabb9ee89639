// The PostgreSQL driver with a primary and a streaming standby: replica reads, and the loss of the primary.
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/async/call.hpp"
#include "platform/sql/postgres.hpp"
#include "support/databases.hpp"
#include "support/postgres_servers.hpp"
#include "support/series.hpp"

namespace guildhall::sql {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr std::int64_t kOne = 1'000'000'007'000'000'001;  // keys, which are ids
constexpr std::int64_t kTwo = 1'000'000'007'000'000'002;
constexpr std::int64_t kThree = 1'000'000'007'000'000'003;

constexpr Statement kInsert{"test.insert", "INSERT INTO items(id, number) VALUES($1, $2)"};
constexpr Statement kSet{"test.set",
                         "INSERT INTO items(id, number) VALUES($1, $2)"
                         " ON CONFLICT (id) DO UPDATE SET number = excluded.number"};
constexpr Statement kList{"test.list", "SELECT number FROM items WHERE id = $1", Freshness::replica_ok};
constexpr Statement kFind{"test.find", "SELECT number FROM items WHERE id = $1"};
constexpr Statement kIds{"test.ids", "SELECT id FROM items"};
constexpr Statement kWhere{"test.where", "SELECT pg_is_in_recovery(), $1::bigint", Freshness::replica_ok};

class PostgresReplica : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = test::TestDatabase::missing("postgres"); !reason.empty()) GTEST_SKIP() << reason;
        servers_ = std::make_unique<test::PostgresServers>();
        open();
        const Migration migration{"test/0001", "CREATE TABLE items(id bigint PRIMARY KEY, number bigint NOT NULL)"};
        database_->migrate({&migration, 1});
        servers_->wait_for_standby();
        loop_.run(database_->learn_position());
    }
    void TearDown() override {
        if (servers_) servers_->resume("primary");
        if (servers_) servers_->resume("standby");
    }
    // Another process would have another RecentWrites.
    void open(std::shared_ptr<RecentWrites> writes = nullptr) { database_ = connect(std::move(writes)); }
    std::unique_ptr<Database> connect(std::shared_ptr<RecentWrites> writes) {
        return open_postgres({.dsn = servers_->dsn("primary"),
                              .schema = "test",
                              .connections_per_thread = 4,
                              .replicas = {servers_->dsn("standby")},
                              .recent_writes = std::move(writes),
                              .on_primary_back = [this] { ++times_back_; }});
    }

    // Runs `task` for a GET.
    template <class T>
    T for_reader(Task<T> task) {
        Call reader;
        reader.reads_only = true;
        auto call = std::make_shared<const Call>(std::move(reader));
        return loop_.run(in_call(std::move(call), std::move(task)));
    }
    template <class T>
    static Task<T> in_call(CallPointer call, Task<T> task) {
        std::optional<T> result;
        const auto keep = [&]() -> Task<void> { result.emplace(co_await std::move(task)); };
        auto kept = keep();
        co_await run_for(std::move(call), std::move(kept));
        co_return std::move(*result);
    }
    std::int64_t read(const Statement& statement, std::int64_t id) {
        auto rows = for_reader(database_->read(statement, params(id)));
        return rows.empty() ? -1 : rows[0].number(0);
    }
    bool is_from_replica(std::int64_t id) { return read(kWhere, id) == 1; }
    Task<Result<bool>> write(std::int64_t id, std::int64_t number) {
        const auto body = [id, number](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kSet, params(id, number));
            co_return true;
        };
        co_return co_await database_->transact<bool>(body);
    }
    void set(std::int64_t id, std::int64_t number) { ASSERT_TRUE(loop_.run(write(id, number)).has_value()); }
    using Duration = SteadyClock::duration;
    // The time until a write is refused; fails when it is not. Does not wait for background work.
    Duration refusal_takes() {
        Duration took{};
        const auto refused = [&]() -> Task<void> {
            const auto start = SteadyClock::now();
            EXPECT_THROW((void)co_await write(kTwo, 1), Unavailable);
            took = SteadyClock::now() - start;
        };
        loop_.run(refused());
        return took;
    }
    Duration reading_takes(std::int64_t id) {
        const auto timed = [this, id]() -> Task<Duration> {
            const auto start = SteadyClock::now();
            co_await database_->read(kList, params(id));
            co_return SteadyClock::now() - start;
        };
        return for_reader(timed());
    }
    static double reads_from(const std::string& where) {
        return test::series("guildhall_sql_reads_total{database=\"test\",where=\"" + where + "\"}");
    }

    test::TestLoop loop_;
    std::unique_ptr<test::PostgresServers> servers_;
    std::unique_ptr<Database> database_;
    int times_back_ = 0;
};

// [X28]
TEST_F(PostgresReplica, AnswersListsOfCallsThatOnlyRead) {
    set(kOne, 5);
    servers_->wait_for_standby();
    const auto before = reads_from("replica");
    EXPECT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
    EXPECT_EQ(read(kList, kOne), 5);
    EXPECT_GE(reads_from("replica"), before + 2);
}

TEST_F(PostgresReplica, IsNotAskedByCallsThatMayWriteNorByTransactionsNorForOtherStatements) {
    ASSERT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
    EXPECT_EQ(loop_.run(database_->read(kWhere, params(kOne)))[0].number(0), 0);
    const auto body = [](Transaction& tx) -> Task<Result<bool>> {
        auto rows = co_await tx.query(kWhere, params(kOne));
        co_return rows[0].number(0) == 1;
    };
    EXPECT_FALSE(*loop_.run(database_->transact<bool>(body)));
    const auto before = reads_from("replica");
    read(kFind, kOne);
    EXPECT_EQ(reads_from("replica"), before);
}

TEST_F(PostgresReplica, ACallThatOnlyReadsCannotWrite) {
    EXPECT_THROW((void)for_reader(write(kOne, 1)), std::logic_error);
}

// [X28]
TEST_F(PostgresReplica, AWriteIsReadAtOnceAlsoWhileTheReplicaIsBehind) {
    set(kOne, 1);
    servers_->wait_for_standby();
    ASSERT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
    servers_->execute("standby", "SELECT pg_wal_replay_pause()");
    for (int number = 2; number < 20; ++number) {
        set(kOne, number);
        EXPECT_EQ(read(kList, kOne), number);
        EXPECT_FALSE(is_from_replica(kOne));
    }
    EXPECT_TRUE(is_from_replica(kTwo)) << "a key that nobody has written";
    servers_->execute("standby", "SELECT pg_wal_replay_resume()");
    EXPECT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
    EXPECT_EQ(read(kList, kOne), 19);
}

TEST_F(PostgresReplica, WhatWasWrittenBeforeTheStartIsReadToo) {
    servers_->execute("standby", "SELECT pg_wal_replay_pause()");
    set(kOne, 7);
    open();
    EXPECT_EQ(read(kList, kOne), 7);
    servers_->execute("standby", "SELECT pg_wal_replay_resume()");
    EXPECT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
}

// [X28]
TEST_F(PostgresReplica, AnAnnouncedWriteOfAnotherProcessIsReadImmediately) {
    auto ours = std::make_shared<RecentWrites>();
    auto theirs = std::make_shared<RecentWrites>();
    std::atomic<bool> live{true};
    ours->share([](std::vector<std::int64_t>) -> Task<void> { co_return; }, live);
    const auto announce = [&ours](std::vector<std::int64_t> numbers) -> Task<void> {
        for (const auto number : numbers) ours->note_remote(number);
        co_return;
    };
    theirs->share(announce, live);
    open(theirs);
    auto writer = std::move(database_);
    open(ours);
    ASSERT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));

    servers_->execute("standby", "SELECT pg_wal_replay_pause()");
    database_.swap(writer);
    auto request = std::make_shared<const Call>();
    ASSERT_TRUE(loop_.run(in_call(std::move(request), write(kOne, 3))).has_value());
    database_.swap(writer);
    EXPECT_EQ(read(kList, kOne), 3);
    EXPECT_TRUE(is_from_replica(kTwo));

    live = false;
    EXPECT_FALSE(is_from_replica(kTwo)) << "writes by other processes are not announced";
    ours->note_missed();
    live = true;
    EXPECT_FALSE(is_from_replica(kTwo)) << "something may have been missed";
    servers_->execute("standby", "SELECT pg_wal_replay_resume()");
    EXPECT_TRUE(test::wait_until([&] { return is_from_replica(kTwo); }));
}

TEST_F(PostgresReplica, ThatIsStoppedOrFrozenIsReplacedByThePrimary) {
    set(kOne, 5);
    servers_->wait_for_standby();
    ASSERT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
    servers_->pause("standby");
    EXPECT_LT(reading_takes(kOne), 4s) << "the deadline of a statement is 5 s";
    Duration ten{};
    for (int i = 0; i < 10; ++i) ten += reading_takes(kOne);
    EXPECT_LT(ten, 5s) << "each time it would be 10 s";
    EXPECT_EQ(read(kList, kOne), 5);
    servers_->resume("standby");
    EXPECT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
    servers_->kill("standby");
    EXPECT_EQ(read(kList, kOne), 5);
    servers_->start("standby");
    EXPECT_TRUE(test::wait_until([&] { return is_from_replica(kOne); }));
}

TEST_F(PostgresReplica, IsReadInsteadOfAKilledPrimaryAndWritesAreRefusedAtOnce) {
    set(kOne, 5);
    servers_->wait_for_standby();
    servers_->kill("primary");
    EXPECT_EQ(read(kFind, kOne), 5);
    EXPECT_EQ(read(kList, kOne), 5);
    EXPECT_LT(refusal_takes(), 1800ms) << "a connection may take 2 s";
    EXPECT_THROW((void)loop_.run(database_->read(kFind, params(kOne))), Unavailable) << "of a call that may write";
    EXPECT_EQ(times_back_, 0);

    servers_->start("primary");
    EXPECT_TRUE(test::wait_until([&] {
        read(kFind, kOne);
        return times_back_ == 1;
    }));
    set(kOne, 6);
    EXPECT_EQ(read(kFind, kOne), 6);
    EXPECT_EQ(times_back_, 1);
}

TEST_F(PostgresReplica, AnIdleConnectionOfAnotherThreadDoesNotMeanThatThePrimaryIsBack) {
    set(kOne, 5);
    servers_->wait_for_standby();
    test::TestLoop other;
    EXPECT_EQ(other.run(database_->read(kFind, params(kOne)))[0].number(0), 5);  // leaves an idle connection
    servers_->kill("primary");
    EXPECT_EQ(read(kFind, kOne), 5);
    EXPECT_THROW((void)other.run(database_->read(kFind, params(kOne))), Unavailable);
    EXPECT_EQ(times_back_, 0);
    EXPECT_EQ(read(kFind, kOne), 5);
    servers_->start("primary");
}

TEST_F(PostgresReplica, IsReadInsteadOfAFrozenPrimaryAndWritesAreRefusedAtOnce) {
    set(kOne, 5);
    servers_->wait_for_standby();
    servers_->pause("primary");
    // The one that was sent already may still succeed.
    EXPECT_LT(refusal_takes(), 4500ms) << "until the silence is noticed, after 2 s; a statement may take 5 s";
    for (int i = 0; i < 10; ++i) EXPECT_EQ(read(kFind, kOne), 5);
    // One caller at a time tests whether the primary is available again.
    int refused = 0;
    std::chrono::milliseconds longest{0};
    const auto one = [&]() -> Task<void> {
        const auto start = SteadyClock::now();
        try {
            (void)co_await write(kThree, 1);
        } catch (const Unavailable&) {
            ++refused;
        }
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - start);
        if (took > 800ms) longest = longest == 0ms ? took : 1h;
    };
    for (int i = 0; i < 50; ++i) loop_.spawn(one());
    loop_.run();
    EXPECT_EQ(refused, 50);
    EXPECT_LT(longest, 4500ms);
    // Readers test for a shorter time, because services wait a second for one of two replicas of another. The pause
    // between tests is at most 1 s.
    Duration longest_read{};
    for (const auto end = SteadyClock::now() + 4s; SteadyClock::now() < end;) {
        const auto start = SteadyClock::now();
        EXPECT_EQ(read(kFind, kOne), 5);
        longest_read = std::max(longest_read, SteadyClock::now() - start);
    }
    EXPECT_LT(longest_read, 900ms);

    servers_->resume("primary");
    EXPECT_TRUE(test::wait_until([&] {
        read(kFind, kOne);
        return times_back_ == 1;
    }));
    EXPECT_EQ(read(kFind, kThree), -1) << "a refused write was done";
    set(kTwo, 2);
    EXPECT_EQ(read(kFind, kTwo), 2);
}

TEST_F(PostgresReplica, RatherGivesNoAnswerThanAnOldOneWhileThePrimaryIsUnavailable) {
    set(kOne, 1);
    servers_->wait_for_standby();
    servers_->execute("standby", "SELECT pg_wal_replay_pause()");
    set(kOne, 2);
    servers_->kill("primary");
    EXPECT_THROW((void)read(kFind, kOne), Unavailable);
    EXPECT_EQ(read(kFind, kTwo), -1);
}

TEST_F(PostgresReplica, GivesNoAnswerInsteadOfThePrimaryToAProcessThatDoesNotKnowTheNeededPosition) {
    set(kOne, 1);
    servers_->wait_for_standby();
    servers_->execute("standby", "SELECT pg_wal_replay_pause()");
    set(kOne, 2);
    open();
    servers_->kill("primary");
    EXPECT_THROW((void)read(kFind, kOne), Unavailable);
    servers_->start("primary");
    ASSERT_TRUE(test::wait_until([&] {
        loop_.run(database_->learn_position());
        return read(kFind, kOne) == 2;
    }));
    servers_->execute("standby", "SELECT pg_wal_replay_resume()");
    servers_->wait_for_standby();
    servers_->kill("primary");
    EXPECT_EQ(read(kFind, kOne), 2);
}

TEST_F(PostgresReplica, ACallKnowsThatItReadInsteadOfThePrimary) {
    set(kOne, 5);
    servers_->wait_for_standby();
    const auto may_be_stale = [&] {
        auto call = std::make_shared<Call>();
        call->reads_only = true;
        loop_.run(in_call(call, database_->read(kFind, params(kOne))));
        return call->may_be_stale.is_set();
    };
    EXPECT_FALSE(may_be_stale());
    servers_->kill("primary");
    EXPECT_TRUE(may_be_stale());
}

TEST_F(PostgresReplica, AServerThatDidNotFollowIsNotReadAlsoBehindTheConnectionStringOfOneThatDid) {
    set(kOne, 1);
    servers_->wait_for_standby();
    servers_->promote();
    for (int i = 0; i < 3; ++i)
        servers_->execute("primary",
                          "INSERT INTO test.items VALUES (" + std::to_string(i) + ", 1); SELECT pg_switch_wal()");
    servers_->kill("primary");
    database_ = open_postgres({.dsn = servers_->dsn("standby"),
                               .schema = "test",
                               .connections_per_thread = 4,
                               .replicas = {servers_->dsn("primary,standby")}});
    loop_.run(database_->learn_position());
    set(kOne, 2);
    EXPECT_EQ(read(kList, kOne), 2);
    // The former primary has a longer log with another history.
    servers_->start_as_standby("primary");
    servers_->kill("standby");
    const auto is_answered = [&] {
        try {
            read(kFind, kOne);
            return true;
        } catch (const Unavailable&) {
            return false;
        }
    };
    // It has been asked when it has a connection that shows this as its last statement.
    const auto was_asked = [&] {
        return servers_->value("primary",
                               "SELECT (COUNT(*) > 0)::text FROM pg_stat_activity"
                               " WHERE query LIKE '%FROM items%' AND pid <> pg_backend_pid()") == "true";
    };
    ASSERT_TRUE(test::wait_until([&] {
        EXPECT_FALSE(is_answered());
        return was_asked();
    }));
    EXPECT_FALSE(test::wait_until(is_answered, 2s));
}

TEST_F(PostgresReplica, ASlowStatementIsNoSilence) {
    constexpr Statement kSlow{"test.slow", "SELECT COUNT(pg_sleep(3)), $1::bigint"};
    EXPECT_EQ(read(kSlow, kOne), 1);
    EXPECT_EQ(times_back_, 0);
}

/// A primary and a synchronous standby, both in the DSN.
class PostgresFailOver : public PostgresReplica {
protected:
    void SetUp() override {
        PostgresReplica::SetUp();
        if (IsSkipped()) return;
        servers_->execute("primary", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        servers_->execute("primary", "SELECT pg_reload_conf()");
        ASSERT_TRUE(
            test::wait_until([&] { return servers_->value("primary", "SHOW synchronous_standby_names") == "*"; }));
        database_ = open_postgres({.dsn = servers_->dsn("primary,standby"), .schema = "test"});
    }
    Task<Result<bool>> insert(std::int64_t id) {
        const auto body = [id](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kInsert, params(id, 0));
            co_await tx.execute(kInsert, params(-id, 0));
            co_return true;
        };
        co_return co_await database_->transact<bool>(body);
    }
    // Writes with eight concurrent callers until `stop`, and returns the acknowledged ids. Meanwhile `lose` ends the
    // primary.
    void write_through(const std::function<void()>& lose) {
        bool is_lost = false;
        bool is_over = false;
        std::int64_t last = 0;
        int refused = 0;
        int acknowledged_after = 0;
        const auto writer = [&]() -> Task<void> {
            boost::asio::steady_timer pause(loop_.io());
            while (!is_over) {
                const auto id = ++last;
                bool is_refused = false;
                try {
                    (void)co_await insert(id);
                    acknowledged_.insert(id);
                    if (is_lost) ++acknowledged_after;
                } catch (const Unavailable&) {
                    is_refused = true;
                }
                if (is_refused) ++refused;
                pause.expires_after(is_refused ? 20ms : 1ms);
                co_await pause.async_wait(boost::asio::use_awaitable);
            }
        };
        const auto fate = [&]() -> Task<void> {
            boost::asio::steady_timer pause(loop_.io(), 300ms);
            co_await pause.async_wait(boost::asio::use_awaitable);
            const auto losing = std::async(std::launch::async, lose);
            while (losing.wait_for(0s) != std::future_status::ready) {
                pause.expires_after(10ms);
                co_await pause.async_wait(boost::asio::use_awaitable);
            }
            is_lost = true;
            for (const auto end = SteadyClock::now() + 30s; SteadyClock::now() < end && acknowledged_after < 100;) {
                pause.expires_after(10ms);
                co_await pause.async_wait(boost::asio::use_awaitable);
            }
            is_over = true;
        };
        for (int i = 0; i < 8; ++i) loop_.spawn(writer());
        loop_.spawn(fate());
        loop_.run();
        EXPECT_TRUE(is_lost);
        EXPECT_GT(refused, 0);
        EXPECT_GE(acknowledged_after, 100);
    }
    void expect_nothing_lost_nor_half_done() {
        std::set<std::int64_t> there;
        auto rows = loop_.run(database_->read(kIds, {}));
        for (auto row : rows) there.insert(row.number(0));
        for (const auto id : acknowledged_) EXPECT_TRUE(there.contains(id)) << id;
        for (const auto id : there) EXPECT_TRUE(there.contains(-id)) << id;
    }
    std::set<std::int64_t> acknowledged_;
};

TEST_F(PostgresFailOver, WritesGoOnAtThePromotedStandbyAndNoneIsLost) {
    write_through([this] {
        servers_->kill("primary");
        servers_->promote();
    });
    expect_nothing_lost_nor_half_done();
    EXPECT_EQ(servers_->value("standby", "SELECT pg_is_in_recovery()::text"), "false");
}

TEST_F(PostgresFailOver, AFrozenPrimaryIsLeftForThePromotedStandby) {
    write_through([this] {
        servers_->pause("primary");
        servers_->promote();
    });
    expect_nothing_lost_nor_half_done();
}

TEST_F(PostgresFailOver, AServerThatBecameReadOnlyRefusesAndIsLeft) {
    ASSERT_TRUE(loop_.run(insert(1)).has_value());
    // A session on a demoted server sees this.
    servers_->execute("primary", "ALTER SYSTEM SET default_transaction_read_only = on");
    servers_->execute("primary", "SELECT pg_reload_conf()");
    constexpr Statement kReadOnly{"test.read_only", "SET TRANSACTION READ ONLY"};
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.execute(kReadOnly, {});
        co_await tx.execute(kInsert, params(2, 0));
        co_return true;
    };
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(body)), Unavailable);
    EXPECT_THROW((void)loop_.run(insert(3)), Unavailable) << "no host takes writes";
    servers_->promote();
    EXPECT_TRUE(test::wait_until([&] {
        try {
            return loop_.run(insert(4)).has_value();
        } catch (const Unavailable&) {
            return false;
        }
    }));
    EXPECT_EQ(servers_->value("standby", "SELECT count(*)::text FROM test.items WHERE id = 4"), "1");
}

TEST_F(PostgresFailOver, ASilentHostDoesNotUseUpTheTimeOfTheNext) {
    servers_->pause("primary");
    servers_->promote();
    database_ = open_postgres({.dsn = servers_->dsn("primary,standby"), .schema = "test", .connect_deadline = 500ms});
    const auto start = SteadyClock::now();
    EXPECT_TRUE(loop_.run(insert(1)).has_value());
    EXPECT_LT(SteadyClock::now() - start, 4500ms);
    EXPECT_TRUE(loop_.run(database_->ready(kIds)));
}

}  // namespace
}  // namespace guildhall::sql
