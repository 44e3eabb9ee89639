// What only the PostgreSQL driver promises: deadlines, recovery, retries.
#include <algorithm>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "platform/async/call.hpp"
#include "platform/sql/postgres.hpp"
#include "support/databases.hpp"

namespace {

// A name whose look-up takes long, as with a silent name server.
constexpr const char* kSilentName = "silent.invalid";

}  // namespace

/// Replaces the function of the C library: the look-up of kSilentName takes two seconds.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
    using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto original = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (host != nullptr && std::string_view(host) == kSilentName) std::this_thread::sleep_for(std::chrono::seconds(4));
    return original(host, service, hints, found);
}

namespace guildhall::sql {
namespace {

using namespace std::chrono_literals;

constexpr Statement kInsert{"test.insert", "INSERT INTO items(id, number) VALUES($1, $2)"};
constexpr Statement kAdd{"test.add", "UPDATE items SET number = number + $2 WHERE id = $1 RETURNING number"};
constexpr Statement kCount{"test.count", "SELECT COUNT(*) FROM items"};
constexpr Statement kReady{"test.ready", "SELECT id FROM items LIMIT 1"};
const Migration kInit{"test/0001", "CREATE TABLE items(id bigint PRIMARY KEY, number bigint NOT NULL)"};
constexpr Statement kBackend{"test.backend", "SELECT pg_backend_pid()"};

class PostgresDriver : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = test::TestDatabase::missing("postgres"); !reason.empty()) GTEST_SKIP() << reason;
        place_ = std::make_unique<test::TestDatabase>("postgres");
        database_ = open({});
        database_->migrate({&kInit, 1});
    }
    std::unique_ptr<Database> open(const std::function<void(PostgresOptions&)>& change) {
        return place_->open({}, change);
    }

    Task<Result<bool>> insert(std::int64_t id) {
        const auto body = [id](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kInsert, params(id, 0));
            co_return true;
        };
        co_return co_await database_->transact<bool>(body);
    }
    std::int64_t count() { return loop_.run(database_->read(kCount, {}))[0].number(0); }
    // Terminates the server processes of all other connections, like a restart.
    void terminate_all() {
        database_->execute_script(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
            "application_name = '" +
            place_->schema() + "'");
    }
    auto named() {
        return [this](PostgresOptions& options) { options.dsn += " application_name=" + place_->schema(); };
    }

    test::TestLoop loop_;
    std::unique_ptr<test::TestDatabase> place_;
    std::unique_ptr<Database> database_;
};

TEST_F(PostgresDriver, AStatementPastItsDeadlineIsUnavailable) {
    database_ = open([](PostgresOptions& options) { options.statement_deadline = 200ms; });
    constexpr Statement kLong{"test.long", "SELECT COUNT(*) FROM generate_series(1, 2000000000)"};
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THROW(loop_.run(database_->read(kLong, {})), Unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    EXPECT_EQ(count(), 0);
}

TEST_F(PostgresDriver, ReadsAndWritesGoOnAfterAllConnectionsWereEnded) {
    database_ = open(named());
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(loop_.run(insert(round * 10)).has_value());
        terminate_all();
        EXPECT_EQ(count(), round * 2 + 1);
        terminate_all();
        EXPECT_TRUE(loop_.run(insert(round * 10 + 1)).has_value());
    }
}

TEST_F(PostgresDriver, AConnectionThatEndsInsideATransactionLeavesNothingAndTheBodyRunsAgain) {
    database_ = open(named());
    int runs = 0;
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.query(kBackend, {});
        if (++runs == 1) terminate_all();
        co_await tx.execute(kInsert, params(1, 0));
        co_await tx.query(kCount, {});
        co_return true;
    };
    EXPECT_TRUE(loop_.run(database_->transact<bool>(body)).has_value());
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(count(), 1);
}

TEST_F(PostgresDriver, ADeadlockIsRunAgain) {
    ASSERT_TRUE(loop_.run(insert(1)).has_value());
    ASSERT_TRUE(loop_.run(insert(2)).has_value());
    int runs = 0;
    const auto both = [&](std::int64_t first, std::int64_t second) -> Task<void> {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            ++runs;
            co_await tx.query(kAdd, params(first, 1));
            co_await tx.query(kAdd, params(second, 1));
            co_return true;
        };
        const auto result = co_await database_->transact<bool>(body);
        EXPECT_TRUE(result.has_value());
    };
    loop_.spawn(both(1, 2));
    loop_.spawn(both(2, 1));
    loop_.run();
    constexpr Statement kSum{"test.sum", "SELECT SUM(number) FROM items"};
    EXPECT_EQ(loop_.run(database_->read(kSum, {}))[0].number(0), 4);
    EXPECT_GE(runs, 2);
}

TEST_F(PostgresDriver, AServerThatRefusesFailsQuickly) {
    boost::asio::io_context io;
    std::string port;
    {
        boost::asio::ip::tcp::acceptor free(io, {boost::asio::ip::address_v4::loopback(), 0});
        port = std::to_string(free.local_endpoint().port());
    }
    database_ = open_postgres({.dsn = "host=127.0.0.1 port=" + port, .schema = "away", .connect_deadline = 30s});
    const auto start = std::chrono::steady_clock::now();
    int refused = 0;
    const auto one = [&]() -> Task<void> {
        try {
            co_await database_->read(kCount, {});
        } catch (const Unavailable&) {
            ++refused;
        }
    };
    for (int i = 0; i < 200; ++i) loop_.spawn(one());
    loop_.run();
    EXPECT_EQ(refused, 200);
    EXPECT_FALSE(loop_.run(database_->ready(kReady)));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST_F(PostgresDriver, AServerThatIsSilentFailsAtTheDeadlineAndThenAtOnce) {
    // Accepts by its backlog and never answers.
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::address_v4::loopback(), 0});
    database_ = open_postgres({.dsn = "host=127.0.0.1 port=" + std::to_string(silent.local_endpoint().port()),
                               .schema = "away",
                               .connect_deadline = 300ms});
    int refused = 0;
    const auto one = [&]() -> Task<void> {
        try {
            co_await database_->read(kCount, {});
        } catch (const Unavailable&) {
            ++refused;
        }
    };
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 50; ++i) loop_.spawn(one());
    loop_.run();
    EXPECT_EQ(refused, 50);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 7s) << "one after the other it would be 15 s";
}

TEST_F(PostgresDriver, ReadinessDoesNotWaitForAServerThatIsSilent) {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::address_v4::loopback(), 0});
    database_ = open_postgres({.dsn = "host=127.0.0.1 port=" + std::to_string(silent.local_endpoint().port()),
                               .schema = "away",
                               .connect_deadline = 20s});
    bool is_ready = true;
    std::chrono::steady_clock::duration took{};
    const auto ask = [&]() -> Task<void> {
        const auto start = std::chrono::steady_clock::now();
        is_ready = co_await database_->ready(kReady);
        took = std::chrono::steady_clock::now() - start;
    };
    loop_.run(ask());
    EXPECT_FALSE(is_ready);
    EXPECT_LT(took, 10s);
}

TEST_F(PostgresDriver, ReadinessIsKnownWhileAllConnectionsAreBusyAndOthersWait) {
    database_ = open([](PostgresOptions& options) { options.connections_per_thread = 1; });
    constexpr Statement kLong{"test.long", "SELECT COUNT(pg_sleep(3))"};
    int read_before = -1;
    int were_read = 0;
    bool is_ready = true;
    const auto ask = [&]() -> Task<void> {
        is_ready = co_await database_->ready(kReady);
        read_before = were_read;
    };
    const auto read = [&](const Statement& statement) -> Task<void> {
        co_await database_->read(statement, {});
        ++were_read;
    };
    loop_.spawn(read(kLong));
    loop_.spawn(read(kCount));  // is in line before the readiness check, and may wait longer
    loop_.spawn(ask());
    loop_.run();
    EXPECT_FALSE(is_ready);
    EXPECT_EQ(read_before, 0);
}

TEST_F(PostgresDriver, NobodyWaitsForAConnectionLongerThanTheDeadlineOfTheCall) {
    database_ = open([](PostgresOptions& options) { options.connections_per_thread = 1; });
    constexpr Statement kSleep{"test.sleep", "SELECT COUNT(pg_sleep(3))"};
    Call hasty;
    hasty.deadline = std::chrono::steady_clock::now() + 300ms;
    bool is_asleep = true;
    const auto sleep = [&]() -> Task<void> {
        co_await database_->read(kSleep, {});
        is_asleep = false;
    };
    bool is_refused = false;
    const auto ask = [&]() -> Task<void> {
        try {
            co_await database_->read(kCount, {});
        } catch (const Unavailable&) {
            is_refused = is_asleep;
        }
    };
    loop_.spawn(sleep());
    auto asking = ask();
    loop_.spawn(run_for(std::make_shared<const Call>(hasty), std::move(asking)));
    loop_.run();
    EXPECT_TRUE(is_refused);
    EXPECT_EQ(count(), 0);
}

TEST_F(PostgresDriver, AResolverThatIsSilentFailsAtTheDeadline) {
    database_ = open_postgres({.dsn = std::string("host=") + kSilentName, .schema = "away", .connect_deadline = 300ms});
    test::TestLoop loop;  // its end waits for the resolver
    const auto start = std::chrono::steady_clock::now();
    const auto read = [&]() -> Task<void> {
        EXPECT_THROW(co_await database_->read(kCount, {}), Unavailable);
        EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    };
    loop.run(read());
}

// [F: 0A000 counts as a lost connection]
TEST_F(PostgresDriver, AFeatureThatTheServerDoesNotHaveIsNoLostConnection) {
    constexpr Statement kUnsupported{"test.unsupported", "SELECT COUNT(*) FROM items FOR UPDATE"};
    EXPECT_THROW(loop_.run(database_->read(kUnsupported, {})), Corrupt);
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.query(kUnsupported, {});
        co_return true;
    };
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(body)), Corrupt);
}

TEST_F(PostgresDriver, TablesOfFormerVersionsGetTheOrderOfBytes) {
    database_->execute_script(
        "CREATE TABLE former(name text NOT NULL, other varchar(20), sorted text COLLATE \"und-x-icu\")");
    database_->execute_script("INSERT INTO former VALUES ('a', '', ''), ('B', '', '')");
    database_->migrate({&kInit, 1});
    constexpr Statement kFirst{"test.first", "SELECT name FROM former ORDER BY name LIMIT 1"};
    EXPECT_EQ(loop_.run(database_->read(kFirst, {}))[0].text(0), "B");
    constexpr Statement kOwn{"test.own",
                             "SELECT COUNT(*) FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation"
                             " WHERE attrelid = 'former'::regclass AND attname = 'sorted' AND collname = 'und-x-icu'"};
    EXPECT_EQ(loop_.run(database_->read(kOwn, {}))[0].number(0), 1);
}

TEST_F(PostgresDriver, StatementsThatWereSentTogetherAreLoggedOnceWhenTheyAreSlow) {
    constexpr Statement kSlow{"test.slow", "SELECT COUNT(pg_sleep(0.3))"};
    std::ostringstream log;
    const auto before = spdlog::default_logger();
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        for (int id = 1; id <= 5; ++id) co_await tx.execute(kInsert, params(id, 0));
        co_await tx.query(kSlow, {});
        co_return true;
    };
    EXPECT_TRUE(loop_.run(database_->transact<bool>(body)).has_value());
    spdlog::set_default_logger(before);
    EXPECT_THAT(log.str(), testing::HasSubstr(
                               "slow statement postgres.begin, test.insert, test.insert, test.insert and 3 more: 3"));
    EXPECT_EQ(std::ranges::count(log.str(), '\n'), 1) << log.str();
}

TEST_F(PostgresDriver, SeveralHostsAreTriedInOrder) {
    database_ = open([](PostgresOptions& options) {
        const auto with = [&options](const std::string& key) {
            const auto begin = options.dsn.find(key + "=") + key.size() + 1;
            return options.dsn.substr(begin, options.dsn.find(' ', begin) - begin);
        };
        options.dsn += " host=127.0.0.1,localhost port=1," + with("port") + " target_session_attrs=read-write";
    });
    EXPECT_EQ(count(), 0);
}

TEST_F(PostgresDriver, AMalformedConnectionStringIsRefusedWithoutRepeatingIt) {
    try {
        open_postgres({.dsn = "host=x password=secret nonsense", .schema = "a"});
        FAIL();
    } catch (const std::invalid_argument& refusal) {
        EXPECT_THAT(refusal.what(), testing::Not(testing::HasSubstr("secret")));
    }
    EXPECT_THROW(open_postgres({.dsn = "host=x", .schema = "a; DROP SCHEMA b"}), std::invalid_argument);
}

TEST_F(PostgresDriver, AnIoContextThatEndsInsideATransactionLeavesNothing) {
    {
        test::TestLoop short_lived;
        const auto task = [&]() -> Task<void> {
            const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
                co_await tx.query(kAdd, params(1, 1));
                co_await tx.query(kInsert, params(5, 0));
                short_lived.io().stop();
                co_await tx.query(kCount, {});
                co_return true;
            };
            (void)co_await database_->transact<bool>(body);
        };
        short_lived.spawn(task());
        short_lived.run();
    }
    EXPECT_EQ(count(), 0);
    EXPECT_TRUE(loop_.run(insert(5)).has_value());
}

}  // namespace
}  // namespace guildhall::sql
