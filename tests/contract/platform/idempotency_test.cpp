// The table of idempotency keys, on both databases.
#include "platform/http/idempotency.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "platform/sql/batches.hpp"
#include "support/databases.hpp"

namespace guildhall::http {
namespace {

using namespace std::chrono_literals;

constexpr sql::Statement kCount{"test.count", "SELECT COUNT(*) FROM idempotency_keys"};
/// $1 keys of time $2 (microseconds since 1970), which makes them unique.
constexpr sql::Statement kFill{
    "test.fill",
    "INSERT INTO idempotency_keys (user_id, route, idempotency_key, fingerprint, status, location, body, created_at) "
    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1) "
    "SELECT n, 'POST /', CAST($2 AS text), 'f', 201, '/1', '{}', CAST($2 AS bigint) FROM n"};

class IdempotencyContract : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (const auto reason = test::TestDatabase::missing(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
        place_ = std::make_unique<test::TestDatabase>(GetParam());
        database_ = place_->open();
        const sql::Migration migration{"platform/idempotency", kIdempotencySchema};
        database_->migrate({&migration, 1});
    }
    void fill(std::size_t count, Time at) {
        const auto body = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            co_await tx.query(kFill, sql::params(count, at));
            co_return true;
        };
        ASSERT_TRUE(loop_.run(database_->transact<bool>(body)).has_value());
    }
    std::int64_t count() { return loop_.run(database_->read(kCount, {}))[0].number(0); }

    const Time now_ = from_micros(1'800'000'000'000'000);
    test::TestLoop loop_;
    std::unique_ptr<test::TestDatabase> place_;
    std::unique_ptr<sql::Database> database_;
};

INSTANTIATE_TEST_SUITE_P(Engines, IdempotencyContract, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(IdempotencyContract, PruneForgetsOnlyWhatIsOlderThanADay) {
    fill(2 * sql::kBatchRows + 1, now_ - 25h);
    fill(3, now_ - 23h);
    EXPECT_TRUE(loop_.run(prune_idempotency_keys(*database_, now_)));
    EXPECT_EQ(count(), 3);
}

TEST_P(IdempotencyContract, DeletingEndsAfterTheBatchInWhichItsTimeRanOut) {
    constexpr sql::Statement kDelete{
        "test.delete",
        "DELETE FROM idempotency_keys WHERE user_id IN (SELECT user_id FROM idempotency_keys WHERE created_at < $1 "
        "LIMIT $2) RETURNING user_id"};
    fill(sql::kBatchRows + 10, now_);
    const auto delete_now = [&] { return sql::delete_in_batches(*database_, kDelete, sql::params(now_ + 1s), 0ms); };
    EXPECT_FALSE(loop_.run(delete_now()));
    EXPECT_EQ(count(), 10);
    EXPECT_TRUE(loop_.run(delete_now()));
    EXPECT_EQ(count(), 0);
}

}  // namespace
}  // namespace guildhall::http
