// What both drivers of the SQL port promise.
#include <algorithm>
#include <set>
#include <thread>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "platform/sql/database.hpp"
#include "platform/sql/node_lease.hpp"
#include "support/databases.hpp"
#include "support/manual_clock.hpp"

namespace guildhall::sql {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr const char* kSchema =
    "CREATE TABLE items(owner bigint NOT NULL, id bigint NOT NULL, text text, number bigint, PRIMARY KEY(owner, id)); "
    "-- names are unique\n"
    "CREATE TABLE names(name text PRIMARY KEY, owner bigint NOT NULL); "
    "CREATE INDEX items_by_number ON items(number);";
constexpr Statement kInsert{"test.insert", "INSERT INTO items(owner, id, text, number) VALUES($1, $2, $3, $4)"};
constexpr Statement kFind{"test.find", "SELECT text, number FROM items WHERE owner = $1 AND id = $2"};
constexpr Statement kInsertName{"test.insert_name", "INSERT INTO names(name, owner) VALUES($1, $2)"};
constexpr Statement kIncrement{"test.increment",
                               "UPDATE items SET number = number + $3 WHERE owner = $1 AND id = $2 RETURNING number"};
constexpr Statement kCount{"test.count", "SELECT COUNT(*), SUM(number) FROM items WHERE owner = $1"};
constexpr Statement kReady{"test.ready", "SELECT id FROM items LIMIT 1"};
const Migration kInit{"test/0001_init.sql", kSchema};

class SqlContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto reason = test::TestDatabase::missing(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
        place_ = std::make_unique<test::TestDatabase>(GetParam());
        database_ = place_->open();
        database_->migrate({&kInit, 1});
    }

    /// A later migration.
    void add(Migration migration) {
        const std::vector<Migration> migrations{kInit, std::move(migration)};
        database_->migrate(migrations);
    }
    void insert(std::int64_t owner, std::int64_t id, std::optional<std::string> text,
                std::optional<std::int64_t> number) {
        const auto result = loop_.run(insert_task(owner, id, std::move(text), number));
        ASSERT_TRUE(result.has_value());
    }
    Task<Result<bool>> insert_task(std::int64_t owner, std::int64_t id, std::optional<std::string> text,
                                   std::optional<std::int64_t> number) {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.query(kInsert, params(owner, id, text, number));
            co_return true;
        };
        co_return co_await database_->transact<bool>(body);
    }
    Rows read(const Statement& statement, Params values) {
        return loop_.run(database_->read(statement, std::move(values)));
    }
    std::int64_t count(std::int64_t owner) { return read(kCount, params(owner))[0].number(0); }

    test::TestLoop loop_;
    std::unique_ptr<test::TestDatabase> place_;
    std::unique_ptr<Database> database_;
};

INSTANTIATE_TEST_SUITE_P(Engines, SqlContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SqlContract, ValuesComeBackAsTheyWere) {
    const std::string long_text(300'000, 'x');
    insert(1, 1, "Grüße 👩‍👩‍👧‍👦 \\ ' \" \n", std::numeric_limits<std::int64_t>::min());
    insert(1, 2, long_text, std::numeric_limits<std::int64_t>::max());
    insert(1, 3, "", 0);
    insert(1, 4, std::nullopt, std::nullopt);

    EXPECT_EQ(read(kFind, params(1, 1))[0].text(0), "Grüße 👩‍👩‍👧‍👦 \\ ' \" \n");
    EXPECT_EQ(read(kFind, params(1, 1))[0].number(1), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(read(kFind, params(1, 2))[0].text(0), long_text);
    EXPECT_EQ(read(kFind, params(1, 2))[0].number(1), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(read(kFind, params(1, 3))[0].text(0), "");
    auto empty = read(kFind, params(1, 4));
    EXPECT_TRUE(empty[0].is_null(0));
    EXPECT_FALSE(empty[0].optional_number(1).has_value());
}

TEST_P(SqlContract, AColumnOfAnotherTypeIsCorrupt) {
    insert(1, 1, "text", 5);
    auto rows = read(kFind, params(1, 1));
    EXPECT_THROW(rows[0].number(0), Corrupt);
    EXPECT_THROW(rows[0].text(1), Corrupt);
    EXPECT_THROW(rows[0].number(2), Corrupt);
    EXPECT_EQ(rows[0].take_text(0), "text");
}

TEST_P(SqlContract, ManyWritesThatNobodyReadsBackAreOneTransaction) {
    for (std::int64_t owner = 1; owner <= 3; ++owner) {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            for (std::int64_t id = 1; id <= 3000; ++id)
                co_await tx.execute(kInsert, params(owner, id, std::string(300, 'x'), 1));
            co_return true;
        };
        ASSERT_TRUE(loop_.run(database_->transact<bool>(body)).has_value());
        EXPECT_EQ(count(owner), 3000);
    }
}

TEST_P(SqlContract, AnAbsentRowGivesNoRows) { EXPECT_TRUE(read(kFind, params(1, 404)).empty()); }

TEST_P(SqlContract, ParametersAreNumberedNotOrdered) {
    constexpr Statement kSwapped{"test.swapped",
                                 "SELECT $2, $1, '$3', \"id\" FROM items /* $4 */ WHERE owner = $2 AND id = $1 -- $5"};
    insert(7, 8, "x", 1);
    auto rows = read(kSwapped, params(8, 7));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].number(0), 7);
    EXPECT_EQ(rows[0].number(1), 8);
    EXPECT_EQ(rows[0].text(2), "$3");
    EXPECT_EQ(rows[0].number(3), 8);
}

TEST_P(SqlContract, AParameterMayBeNullOnceAndANumberLater) {
    constexpr Statement kBefore{"test.before",
                                "SELECT id FROM items WHERE owner = $1 AND ($2 = 0 OR id < $2) ORDER BY id"};
    constexpr Statement kPatch{"test.patch",
                               "UPDATE items SET number = COALESCE($3, number) WHERE owner = $1 AND id = $2"};
    insert(1, 1, "x", 1);
    const std::int64_t large = std::int64_t{1} << 60;
    EXPECT_EQ(read(kBefore, params(1, 0)).size(), 1U);
    EXPECT_EQ(read(kBefore, params(1, large)).size(), 1U);
    for (const std::optional<std::int64_t> number : {std::optional<std::int64_t>(), std::optional(large)}) {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kPatch, params(1, 1, number));
            co_return true;
        };
        ASSERT_TRUE(loop_.run(database_->transact<bool>(body)).has_value());
    }
    EXPECT_EQ(read(kFind, params(1, 1))[0].number(1), large);
}

TEST_P(SqlContract, BooleansAndSumsAreNumbers) {
    constexpr Statement kTypes{"test.types",
                               "SELECT EXISTS(SELECT 1 FROM items WHERE owner = 1), SUM(number), COUNT(*), "
                               "CASE WHEN MAX(number) > 5 THEN 1 ELSE 0 END FROM items"};
    insert(1, 1, "x", 4'000'000'000'000'000'000);
    insert(1, 2, "x", 1'000'000'000'000'000'001);
    auto rows = read(kTypes, {});
    EXPECT_EQ(rows[0].number(0), 1);
    EXPECT_EQ(rows[0].number(1), 5'000'000'000'000'000'001);
    EXPECT_EQ(rows[0].number(2), 2);
    EXPECT_EQ(rows[0].number(3), 1);
}

TEST_P(SqlContract, ADuplicateIsAConstraintViolationAndLeavesNothing) {
    insert(1, 1, "first", 1);
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.query(kInsertName, params("ada", 1));
        co_await tx.query(kInsert, params(1, 1, "second", 2));
        co_return true;
    };
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(body)), ConstraintViolation);
    EXPECT_EQ(read(kFind, params(1, 1))[0].text(0), "first");
    const auto again = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.query(kInsertName, params("ada", 2));
        co_return true;
    };
    EXPECT_TRUE(loop_.run(database_->transact<bool>(again)).has_value());
}

TEST_P(SqlContract, AQueuedStatementThatIsRefusedRefusesTheTransaction) {
    insert(1, 1, "first", 1);
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.execute(kInsertName, params("ada", 1));
        co_await tx.execute(kInsert, params(1, 1, "second", 2));
        co_return true;
    };
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(body)), ConstraintViolation);
    insert(1, 2, "goes on", 1);
    constexpr Statement kName{"test.name", "SELECT owner FROM names WHERE name = $1"};
    EXPECT_TRUE(read(kName, params("ada")).empty());
}

TEST_P(SqlContract, AFailedStatementDoomsItsTransaction) {
    insert(1, 1, "first", 1);
    const auto stubborn = [&](Transaction& tx) -> Task<Result<bool>> {
        try {
            co_await tx.query(kInsert, params(1, 1, "second", 2));
        } catch (const ConstraintViolation&) {
        }
        co_return true;
    };
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(stubborn)), ConstraintViolation);
    const auto handled = [&](Transaction& tx) -> Task<Result<bool>> {
        try {
            co_await tx.query(kInsert, params(1, 1, "second", 2));
        } catch (const ConstraintViolation&) {
            co_return Error{Code::conflict, "taken"};
        }
        co_return true;
    };
    const auto result = loop_.run(database_->transact<bool>(handled));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::conflict);
}

TEST_P(SqlContract, OnConflictTellsWhoWon) {
    constexpr Statement kClaim{
        "test.claim", "INSERT INTO names(name, owner) VALUES($1, $2) ON CONFLICT (name) DO NOTHING RETURNING owner"};
    const auto claim = [&](std::int64_t owner) {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            auto rows = co_await tx.query(kClaim, params("ada", owner));
            co_return !rows.empty();
        };
        return *loop_.run(database_->transact<bool>(body));
    };
    EXPECT_TRUE(claim(1));
    EXPECT_FALSE(claim(2));
}

TEST_P(SqlContract, PagesByKeyNeitherRepeatNorSkipWhileRowsAreInserted) {
    constexpr Statement kPage{"test.page",
                              "SELECT id FROM items WHERE owner = $1 AND id < $2 ORDER BY id DESC LIMIT $3"};
    for (std::int64_t id = 10; id <= 100; id += 10) insert(1, id, "x", id);
    std::vector<std::int64_t> seen;
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    for (int page = 0; page < 4; ++page) {
        auto rows = read(kPage, params(1, before, 3));
        for (auto row : rows) seen.push_back(before = row.number(0));
        insert(1, 1000 + page, "new", 0);
    }
    EXPECT_THAT(seen, ElementsAre(100, 90, 80, 70, 60, 50, 40, 30, 20, 10));
}

TEST_P(SqlContract, ConcurrentWritersLoseNoUpdate) {
    insert(1, 1, "counter", 0);
    constexpr int kThreads = 2, kWriters = 32, kTimes = 5;
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            test::TestLoop loop;
            const auto writer = [&]() -> Task<void> {
                for (int i = 0; i < kTimes; ++i) {
                    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
                        co_await tx.query(kIncrement, params(1, 1, 1));
                        co_return true;
                    };
                    const auto result = co_await database_->transact<bool>(body);
                    if (!result) ++failures;
                }
            };
            for (int w = 0; w < kWriters; ++w) loop.spawn(writer());
            loop.run();
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(failures.load(), 0);
    EXPECT_EQ(read(kFind, params(1, 1))[0].number(1), kThreads * kWriters * kTimes);
}

TEST_P(SqlContract, AFailingBodyIsRolledBackAloneWhileOthersOfItsBatchCommit) {
    constexpr int kBodies = 64;
    int errors = 0, exceptions = 0, commits = 0;
    const auto one = [&](std::int64_t id) -> Task<void> {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.query(kInsert, params(1, id, "x", 1));
            if (id % 4 == 1) co_return Error{Code::conflict, "no"};
            if (id % 4 == 2) throw std::runtime_error("bug");
            if (id % 4 == 3) co_await tx.query(kInsert, params(1, id, "again", 1));
            co_return true;
        };
        try {
            const auto result = co_await database_->transact<bool>(body);
            ++(result ? commits : errors);
        } catch (const std::runtime_error&) {
            ++exceptions;
        }
    };
    for (int id = 0; id < kBodies; ++id) loop_.spawn(one(id));
    loop_.run();
    EXPECT_EQ(errors, kBodies / 4);
    EXPECT_EQ(exceptions, kBodies / 2);
    EXPECT_EQ(commits, kBodies / 4);
    EXPECT_EQ(count(1), kBodies / 4);
}

TEST_P(SqlContract, AnErrorRollsBackAndIsReturned) {
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.execute(kInsert, params(1, 1, "x", 1));
        co_return Error{Code::forbidden, "only the author"};
    };
    const auto result = loop_.run(database_->transact<bool>(body));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().detail, "only the author");
    EXPECT_EQ(count(1), 0);
}

TEST_P(SqlContract, ATransactionReadsItsOwnWritesAndOthersDoNot) {
    const auto body = [&](Transaction& tx) -> Task<Result<std::int64_t>> {
        co_await tx.execute(kInsert, params(1, 1, "x", 5));
        auto rows = co_await tx.query(kFind, params(1, 1));
        co_return rows[0].number(1);
    };
    EXPECT_EQ(*loop_.run(database_->transact<std::int64_t>(body)), 5);
}

TEST_P(SqlContract, AnAcknowledgedWriteIsReadByEveryThread) {
    insert(1, 1, "x", 1);
    EXPECT_EQ(count(1), 1);
    std::int64_t seen = 0;
    std::thread([&] {
        test::TestLoop loop;
        seen = loop.run(database_->read(kCount, params(1)))[0].number(0);
    }).join();
    EXPECT_EQ(seen, 1);
    insert(1, 2, "x", 1);
    EXPECT_EQ(count(1), 2);
}

TEST_P(SqlContract, HooksRunOnlyAfterTheCommit) {
    std::atomic<int> committed{0}, refused{0};
    const auto good = [&](Transaction& tx) -> Task<Result<bool>> {
        tx.after_commit([&committed] { ++committed; });
        co_await tx.execute(kInsert, params(1, 1, "x", 1));
        co_return true;
    };
    const auto bad = [&](Transaction& tx) -> Task<Result<bool>> {
        tx.after_commit([&refused] { ++refused; });
        co_await tx.execute(kInsert, params(1, 1, "x", 1));
        co_return true;
    };
    const auto undone = [&](Transaction& tx) -> Task<Result<bool>> {
        tx.after_commit([&refused] { ++refused; });
        co_return Error{Code::conflict, ""};
    };
    (void)loop_.run(database_->transact<bool>(good));
    EXPECT_EQ(committed.load(), 1);
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(bad)), ConstraintViolation);
    (void)loop_.run(database_->transact<bool>(undone));
    EXPECT_EQ(refused.load(), 0);
}

TEST_P(SqlContract, AnEmptyTransactionCommits) {
    bool hooked = false;
    const auto body = [&](Transaction& tx) -> Task<Result<void>> {
        tx.after_commit([&hooked] { hooked = true; });
        co_return Result<void>{};
    };
    EXPECT_TRUE(loop_.run(database_->transact<void>(body)).has_value());
    EXPECT_TRUE(hooked);
}

TEST_P(SqlContract, SeveralReadsGoTogether) {
    insert(1, 1, "one", 1);
    insert(1, 2, "two", 2);
    std::vector<BoundStatement> statements;
    statements.push_back({&kFind, params(1, 2)});
    statements.push_back({&kFind, params(1, 404)});
    statements.push_back({&kCount, params(1)});
    statements.push_back({&kFind, params(1, 1)});
    auto answers = loop_.run(database_->read_all(std::move(statements)));
    ASSERT_EQ(answers.size(), 4U);
    EXPECT_EQ(answers[0][0].text(0), "two");
    EXPECT_TRUE(answers[1].empty());
    EXPECT_EQ(answers[2][0].number(1), 3);
    EXPECT_EQ(answers[3][0].text(0), "one");
    EXPECT_THAT(loop_.run(database_->read_all({})), IsEmpty());
}

TEST_P(SqlContract, ListsOfIds) {
    constexpr Statement kIn{"test.in", "SELECT id FROM items WHERE owner = $1 AND id IN ($2:ids) ORDER BY id"};
    constexpr Statement kNotIn{"test.not_in",
                               "SELECT id FROM items WHERE owner = $1 AND id NOT IN ( $2:ids ) ORDER BY id"};
    for (std::int64_t id = 1; id <= 5; ++id) insert(1, id, "x", id);
    const auto ids = [this](const Statement& statement, Ids list) {
        auto rows = read(statement, params(1, std::move(list)));
        std::vector<std::int64_t> out;
        for (auto row : rows) out.push_back(row.number(0));
        return out;
    };
    EXPECT_THAT(ids(kIn, {}), IsEmpty());
    EXPECT_THAT(ids(kIn, {4, 2, 2, -7}), ElementsAre(2, 4));
    EXPECT_THAT(ids(kNotIn, {}), ElementsAre(1, 2, 3, 4, 5));
    EXPECT_THAT(ids(kNotIn, {4, 2}), ElementsAre(1, 3, 5));
    Ids many;
    for (std::int64_t id = 3; id < 503; ++id) many.push_back(id);
    EXPECT_THAT(ids(kIn, many), ElementsAre(3, 4, 5));
    insert(1, std::numeric_limits<std::int64_t>::max(), "x", 0);
    EXPECT_THAT(ids(kIn, {std::numeric_limits<std::int64_t>::max()}),
                ElementsAre(std::numeric_limits<std::int64_t>::max()));
}

TEST_P(SqlContract, TextWithNulOrInvalidUtf8IsRefused) {
    EXPECT_THROW((void)loop_.run(insert_task(1, 1, std::string("a\0b", 3), 1)), ConstraintViolation);
    EXPECT_THROW((void)loop_.run(insert_task(1, 1, "\xff\xfe", 1)), ConstraintViolation);
    EXPECT_EQ(count(1), 0);
}

TEST_P(SqlContract, LikeIsCaseSensitive) {
    constexpr Statement kLike{"test.like", "SELECT id FROM items WHERE owner = $1 AND text LIKE $2"};
    insert(1, 1, "Ada", 1);
    EXPECT_EQ(read(kLike, params(1, "Ad%")).size(), 1U);
    EXPECT_EQ(read(kLike, params(1, "ad%")).size(), 0U);
}

TEST_P(SqlContract, AWrongStatementIsCorruptAndHarmsNobody) {
    constexpr Statement kWrong{"test.wrong", "SELECT nothing FROM nowhere WHERE x = $1"};
    constexpr Statement kFew{"test.few", "SELECT id FROM items WHERE owner = $1 AND id = $2"};
    for (int i = 0; i < 3; ++i) EXPECT_THROW(read(kWrong, params(1)), Corrupt);
    EXPECT_THROW(read(kFew, params(1)), Corrupt);
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.query(kWrong, params(1));
        co_return true;
    };
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(body)), Corrupt);
    insert(1, 1, "x", 1);
    EXPECT_EQ(count(1), 1);
}

TEST_P(SqlContract, AnExceptionOfTheBodyComesToTheCaller) {
    const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
        co_await tx.execute(kInsert, params(1, 1, "x", 1));
        throw std::domain_error("bug");
    };
    EXPECT_THROW((void)loop_.run(database_->transact<bool>(body)), std::domain_error);
    EXPECT_EQ(count(1), 0);
}

TEST_P(SqlContract, TheCallerResumesOnItsOwnThread) {
    const auto caller = [&]() -> Task<std::thread::id> {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kInsert, params(1, 1, "x", 1));
            co_return true;
        };
        (void)co_await database_->transact<bool>(body);
        co_return std::this_thread::get_id();
    };
    EXPECT_EQ(loop_.run(caller()), std::this_thread::get_id());
}

TEST_P(SqlContract, ReopeningKeepsTheData) {
    insert(1, 1, "kept", 1);
    database_.reset();
    database_ = place_->open();
    database_->migrate({&kInit, 1});
    EXPECT_EQ(read(kFind, params(1, 1))[0].text(0), "kept");
}

TEST_P(SqlContract, TwoOpeningsSeeEachOther) {
    const auto other = place_->open();
    insert(1, 1, "x", 1);
    EXPECT_EQ(loop_.run(other->read(kCount, params(1)))[0].number(0), 1);
}

// [X27]
TEST_P(SqlContract, ConcurrentStartersApplyEachMigrationOnce) {
    const test::TestDatabase place(GetParam());
    const std::vector<Migration> migrations{
        {"test/0001_init.sql", kSchema},
        {"test/0002_fill.sql", "INSERT INTO items(owner, id, text, number) VALUES(1, 1, 'a;b -- c', 1);"},
        {"test/0003_more.sql",
         "ALTER TABLE items ADD COLUMN more bigint NOT NULL DEFAULT 7; UPDATE items SET number = number + 1"}};
    std::vector<std::thread> starters;
    std::atomic<int> failures{0};
    for (int i = 0; i < 4; ++i) {
        starters.emplace_back([&] {
            try {
                place.open()->migrate(migrations);
            } catch (const std::exception& failure) {
                ADD_FAILURE() << failure.what();
                ++failures;
            }
        });
    }
    for (auto& starter : starters) starter.join();
    ASSERT_EQ(failures.load(), 0);
    const auto database = place.open();
    constexpr Statement kMore{"test.more", "SELECT text, number, more FROM items"};
    auto rows = loop_.run(database->read(kMore, {}));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].text(0), "a;b -- c");
    EXPECT_EQ(rows[0].number(1), 2);
    EXPECT_EQ(rows[0].number(2), 7);
}

TEST_P(SqlContract, AMigrationThatFailsLeavesNothingOfItself) {
    EXPECT_THROW(add({"test/0002_bad.sql", "CREATE TABLE half(id bigint PRIMARY KEY); INSERT INTO nowhere VALUES(1);"}),
                 Corrupt);
    EXPECT_NO_THROW(add({"test/0002_bad.sql", "CREATE TABLE half(id bigint PRIMARY KEY);"}));
    insert(1, 1, "goes on", 1);
}

// [F: an older program on a newer database]
TEST_P(SqlContract, ADatabaseWithAMigrationThatIsNotGivenIsRefused) {
    add({"test/9999_later.sql", "CREATE TABLE later(id bigint PRIMARY KEY);"});
    const std::vector<Migration> older{kInit, {"test/0002_own.sql", "CREATE TABLE own(id bigint PRIMARY KEY);"}};
    try {
        database_->migrate(older);
        FAIL() << "an older program has migrated a newer database";
    } catch (const Corrupt& refusal) {
        EXPECT_THAT(refusal.what(), HasSubstr("test/9999_later.sql"));
    }
    constexpr Statement kOwn{"test.own", "SELECT id FROM own"};
    EXPECT_THROW(read(kOwn, {}), Corrupt) << "a migration of the older program was applied";
}

TEST_P(SqlContract, StatementsSurviveAChangeOfTheSchema) {
    insert(1, 1, "x", 1);
    constexpr Statement kAll{"test.all", "SELECT * FROM items"};
    EXPECT_EQ(read(kAll, {}).size(), 1U);
    database_->execute_script("ALTER TABLE items ADD COLUMN later bigint");
    EXPECT_EQ(read(kAll, {}).size(), 1U);
    EXPECT_TRUE(read(kAll, {})[0].is_null(4));
}

TEST_P(SqlContract, AFullQueueIsRefusedAtOnce) {
    database_.reset();
    const auto small = [](SqliteOptions& options) { options.max_waiting_writes = 8; };
    const auto narrow = [](PostgresOptions& options) {
        options.connections_per_thread = 1;
        options.max_waiting = 8;
    };
    database_ = place_->open(small, narrow);
    int refused = 0, committed = 0;
    const auto writer = [&](std::int64_t id) -> Task<void> {
        try {
            const auto result = co_await insert_task(1, id, "x", 1);
            if (result) ++committed;
        } catch (const Unavailable& full) {
            EXPECT_EQ(full.code, Code::unavailable);
            EXPECT_THAT(full.what(), HasSubstr("too many"));
            ++refused;
        }
    };
    for (int id = 0; id < 500; ++id) loop_.spawn(writer(id));
    loop_.run();
    EXPECT_GT(refused, 0);
    EXPECT_GE(committed, 8) << "what waits is not refused";
    EXPECT_EQ(count(1), committed);
    loop_.spawn(writer(500));
    loop_.run();
    EXPECT_EQ(count(1), committed);
    EXPECT_EQ(committed + refused, 501);
}

// [F: a worker killed, but /readyz stays ok] The question reads a table of the service.
TEST_P(SqlContract, IsReady) {
    EXPECT_TRUE(loop_.run(database_->ready(kReady)));
    constexpr Statement kNowhere{"test.nowhere", "SELECT id FROM nowhere"};
    EXPECT_FALSE(loop_.run(database_->ready(kNowhere)));
    EXPECT_TRUE(database_->is_writable());
    EXPECT_EQ(database_->engine(), GetParam());
}

TEST_P(SqlContract, ManyOpeningsInManyThreadsEndInAnyOrder) {
    std::vector<std::unique_ptr<test::TestLoop>> loops;
    for (int i = 0; i < 6; ++i) {
        auto database = place_->open();
        std::thread([&] {
            test::TestLoop loop;
            EXPECT_EQ(loop.run(database->read(kCount, params(1)))[0].number(0), 0);
        }).join();
        loops.push_back(std::make_unique<test::TestLoop>());
        EXPECT_EQ(loops.back()->run(database->read(kCount, params(1)))[0].number(0), 0);
        if (i % 2 == 0) loops.pop_back();  // the io_context ends before the database
    }
}

TEST_P(SqlContract, TextsAreInTheOrderOfTheirBytes) {
    constexpr Statement kOrdered{"test.ordered", "SELECT name FROM names WHERE name > $1 ORDER BY name"};
    for (const std::string name : {"b", "a b", "Z", "ab", "é", "_", "a", "B", "aB", "A"}) {
        const auto body = [&](Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kInsertName, params(name, 1));
            co_return true;
        };
        ASSERT_TRUE(loop_.run(database_->transact<bool>(body)).has_value());
    }
    std::vector<std::string> names;
    for (auto row : read(kOrdered, params("A"))) names.push_back(row.take_text(0));
    EXPECT_THAT(names, ElementsAre("B", "Z", "_", "a", "a b", "aB", "ab", "b", "é"));
}

TEST_P(SqlContract, TwoHoldersOfANodeNumberDiffer) {
    add({"platform/node_lease", kNodeLeaseSchema});
    const SystemClock clock;
    std::set<int> nodes;
    const auto take = [&]() -> Task<void> {
        const auto lease = co_await NodeLease::take(*database_, clock, "host");
        nodes.insert(lease.node());
    };
    for (int i = 0; i < 8; ++i) loop_.spawn(take());
    loop_.run();
    EXPECT_EQ(nodes.size(), 8U);
}

TEST_P(SqlContract, ALeaseThatWasNotRenewedIsLostToTheNextHolder) {
    add({"platform/node_lease", kNodeLeaseSchema});
    test::ManualClock clock(from_micros(1'000'000'000));
    auto take = [&](std::string owner) -> Task<std::optional<NodeLease>> {
        co_return co_await NodeLease::take(*database_, clock, std::move(owner));
    };
    auto first = loop_.run(take("first"));
    clock.advance(std::chrono::seconds(30));
    EXPECT_TRUE(loop_.run(first->renew(*database_, clock)));

    // All numbers are taken, so the next holder needs one that expires.
    database_->execute_script(
        "INSERT INTO node_leases(node, owner, expires_at) "
        "WITH RECURSIVE n(node) AS (SELECT 1 UNION ALL SELECT node + 1 FROM n WHERE node < 1023) "
        "SELECT node, 'other', 9000000000000000 FROM n");
    EXPECT_THROW(loop_.run(take("second")), Unavailable);
    clock.advance(NodeLease::kLeaseTime + std::chrono::seconds(1));
    auto second = loop_.run(take("second"));
    EXPECT_EQ(second->node(), first->node());
    EXPECT_FALSE(loop_.run(first->renew(*database_, clock)));
    EXPECT_TRUE(loop_.run(second->renew(*database_, clock)));

    loop_.run(second->release(*database_));
    EXPECT_FALSE(loop_.run(second->renew(*database_, clock)));
    EXPECT_EQ(loop_.run(take("third"))->node(), first->node());
}

}  // namespace
}  // namespace guildhall::sql
