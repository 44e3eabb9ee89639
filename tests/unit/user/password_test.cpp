#include "services/user/password.hpp"

#include <ctime>
#include <limits>

#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "support/await.hpp"

namespace guildhall::user {
namespace {

using test::await;

class PasswordHasherTest : public testing::Test {
protected:
    Pool pool_{"hashing", 1, 4};
    PasswordHasher hasher_{pool_, {64, 1, 1}};
};

// [U5]
TEST_F(PasswordHasherTest, WritesArgon2idWithItsCostAndASaltOfItsOwn) {
    const auto first = await(hasher_.hash("correct horse"));
    const auto second = await(hasher_.hash("correct horse"));
    EXPECT_TRUE(first.starts_with("$argon2id$v=19$m=64,t=1,p=1$")) << first;
    EXPECT_NE(first, second);
    EXPECT_EQ(first.find('\0'), std::string::npos);
}

// [U5]
TEST(PasswordHasherDefaults, AreTheOwaspParameters) {
    Pool pool("hashing", 1, 4);
    PasswordHasher hasher(pool, {});
    EXPECT_TRUE(hasher.is_current("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"));
    EXPECT_FALSE(hasher.is_current("$argon2id$v=19$m=9216,t=4,p=1$c2FsdA$aGFzaA"));
}

TEST_F(PasswordHasherTest, AcceptsTheRightPasswordOnly) {
    const auto phc = await(hasher_.hash("correct horse"));
    EXPECT_TRUE(await(hasher_.verify("correct horse", phc)));
    EXPECT_FALSE(await(hasher_.verify("correct hors", phc)));
    EXPECT_FALSE(await(hasher_.verify("", phc)));
}

TEST_F(PasswordHasherTest, CountsEveryByteOfALongPassword) {
    const std::string longest(512, 'x');
    const auto phc = await(hasher_.hash(longest));
    EXPECT_TRUE(await(hasher_.verify(longest, phc)));
    EXPECT_FALSE(await(hasher_.verify(longest.substr(1), phc)));
}

TEST_F(PasswordHasherTest, VerifiesHashesOfAnotherCost) {
    PasswordHasher older(pool_, {32, 2, 1});
    const auto phc = await(older.hash("correct horse"));
    EXPECT_FALSE(hasher_.is_current(phc));
    EXPECT_TRUE(await(hasher_.verify("correct horse", phc)));
}

TEST_F(PasswordHasherTest, AcceptsNothingWithoutAHash) {
    EXPECT_FALSE(await(hasher_.verify("correct horse", std::nullopt)));
    EXPECT_FALSE(await(hasher_.verify("!", "!")));
    EXPECT_FALSE(await(hasher_.verify("correct horse", "$argon2id$broken")));
}

// [U43] The dummy is a hash that argon2 really computes: a malformed one would fail at once.
TEST(PasswordHasherDummy, TakesAsLongAsARealHash) {
    Pool pool("hashing", 1, 4);
    PasswordHasher hasher(pool, {16'384, 3, 1});
    const auto phc = await(hasher.hash("correct horse"));
    const auto time_of = [&](std::optional<std::string> hash) {
        auto best = std::numeric_limits<std::clock_t>::max();  // of CPU: other programs must not count
        for (int i = 0; i < 5; ++i) {
            const auto start = std::clock();
            EXPECT_FALSE(await(hasher.verify("wrong horse", hash)));
            best = std::min(best, std::clock() - start);
        }
        return best;
    };
    const auto known = time_of(phc);
    const auto unknown = time_of(std::nullopt);
    EXPECT_GT(unknown * 2, known);
    EXPECT_LT(unknown, known * 2);
}

TEST(PasswordHasherPool, RefusesAtOnceWhenTooManyWait) {
    Pool pool("hashing", 1, 0);
    PasswordHasher hasher(pool, {64, 1, 1});
    pool.enter();
    bool is_refused = false;
    try {
        pool.enter();
        pool.leave();
    } catch (const Unavailable&) {
        is_refused = true;
        EXPECT_THROW(await(hasher.hash("correct horse")), Unavailable);
    }
    pool.leave();
    EXPECT_TRUE(is_refused);
}

}  // namespace
}  // namespace guildhall::user
