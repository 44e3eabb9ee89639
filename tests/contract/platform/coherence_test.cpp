// Coherence of the caches of several processes over Redis, also when Redis stops, hangs and comes back.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "platform/realtime/redis.hpp"
#include "support/coherent_process.hpp"
#include "support/redis_servers.hpp"

namespace guildhall::cache {
namespace {

using namespace std::chrono_literals;
using test::CoherentProcess;
using test::Replica;
using test::Truth;
using test::wait_until;

class RedisCoherence : public testing::Test {
protected:
    static void SetUpTestSuite() {
        if (test::missing_redis("redis").empty()) servers_ = std::make_unique<test::RedisServers>("single");
    }
    static void TearDownTestSuite() { servers_.reset(); }
    void SetUp() override {
        if (const auto reason = test::missing_redis("redis"); !reason.empty()) GTEST_SKIP() << reason;
        prefix_ = test::own_prefix();
        a_ = std::make_unique<Place>(prefix_, truth_);
        b_ = std::make_unique<Place>(prefix_, truth_);
        ASSERT_TRUE(CoherentProcess::join("shop", a_->replica.process, b_->replica.process));
    }
    Replica& a() { return a_->replica; }
    Replica& b() { return b_->replica; }
    bool are_live() { return a().is_live() && b().is_live(); }

    // One process with its own connections and caches.
    struct Place {
        Place(const std::string& prefix, Truth& truth)
            : client(redis::parse_url(servers_->url())),
              channel(realtime::make_redis_channel(client, prefix)),
              replica(*channel, truth, ChannelCoherence::Options{}) {}
        redis::Client client;
        std::unique_ptr<realtime::Channel> channel;
        Replica replica;
    };

    static inline std::unique_ptr<test::RedisServers> servers_;
    std::string prefix_;
    Truth truth_;
    std::unique_ptr<Place> a_;
    std::unique_ptr<Place> b_;
};

// [X26]
TEST_F(RedisCoherence, NobodyReadsWhatIsOlderThanAnAnsweredWrite) {
    EXPECT_EQ(test::read_among_writes(a(), b()).stale, 0);
    EXPECT_TRUE(are_live());
}

TEST_F(RedisCoherence, AWriteTakesMilliseconds) {
    const auto begin = std::chrono::steady_clock::now();
    for (int n = 1; n <= 200; ++n) a().write(1, n);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 200 * 25ms);
}

TEST_F(RedisCoherence, WithRedisStoppedNothingIsKeptAndAllIsExact) {
    b().read(1);
    servers_->kill("single");
    EXPECT_TRUE(wait_until([&] { return !a().is_live() && !b().is_live(); }, 5s));
    a().write(1, 1);
    EXPECT_EQ(b().read(1), 1);
    EXPECT_FALSE(b().keeps(1));
    servers_->start_again();
    ASSERT_TRUE(wait_until([&] { return are_live(); }, 10s));
    EXPECT_FALSE(b().keeps(1));
    EXPECT_EQ(b().read(1), 1);
    EXPECT_TRUE(b().keeps(1));
    ASSERT_TRUE(wait_until([&] { return a().process.coherence().count_others("shop") == 1; }));
    a().write(1, 2);
    EXPECT_EQ(b().read(1), 2);
}

TEST_F(RedisCoherence, WithRedisSilentNothingIsKeptAndAllIsExact) {
    b().read(1);
    servers_->pause("single");
    const bool are_both_off = wait_until([&] { return !a().is_live() && !b().is_live(); }, 5s);
    a().write(1, 1);
    const int read = b().read(1);
    const bool is_kept = b().keeps(1);
    servers_->resume("single");
    EXPECT_TRUE(are_both_off);
    EXPECT_EQ(read, 1);
    EXPECT_FALSE(is_kept);
    ASSERT_TRUE(wait_until([&] { return are_live(); }, 10s));
    EXPECT_EQ(b().read(1), 1);
    EXPECT_TRUE(b().keeps(1));
}

TEST_F(RedisCoherence, AWriteDuringAShortSilenceIsReadAfterIt) {
    b().read(1);
    servers_->pause("single");
    a().write(1, 1);
    servers_->resume("single");
    EXPECT_TRUE(wait_until([&] { return b().read(1) == 1; }, 5s));
}

}  // namespace
}  // namespace guildhall::cache
