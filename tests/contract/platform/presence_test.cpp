#include "platform/cache/presence.hpp"

#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/cache/memory.hpp"
#include "platform/cache/redis.hpp"
#include "support/await.hpp"
#include "support/redis.hpp"
#include "support/redis_servers.hpp"

namespace guildhall::cache {
namespace {

using namespace std::chrono_literals;
using test::await;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

constexpr UserId kAda{101};
constexpr UserId kBen{102};
constexpr UserId kLast{std::numeric_limits<std::int64_t>::max()};

std::vector<UserId> members(std::int64_t count) {
    std::vector<UserId> all;
    for (std::int64_t i = 1; i <= count; ++i) all.push_back(UserId{i});
    return all;
}

class PresenceContract : public testing::TestWithParam<const char*> {
protected:
    // With a connection of its own.
    struct Process {
        std::unique_ptr<redis::Client> client;
        std::unique_ptr<Cache> cache;
        std::unique_ptr<Presence> presence;

        void renew(std::vector<UserId> of) const { await(presence->renew(std::move(of))); }
        std::vector<bool> online(std::vector<UserId> of) const { return await(presence->online(std::move(of))); }
        bool is_online(UserId member) const { return online({member}).at(0); }
    };

    void SetUp() override {
        if (const auto reason = test::missing_redis(GetParam()); !reason.empty()) GTEST_SKIP() << reason;
        here_ = start(Presence::kTtl);
    }

    Process start(std::chrono::milliseconds ttl, const std::string& prefix = "online:") {
        Process process;
        if (!is_memory_) {
            process.client = test::open_redis(test::redis_url(GetParam()));
            process.cache = make_redis_cache(*process.client, prefix_);
        }
        process.presence = std::make_unique<Presence>(is_memory_ ? *memory_ : *process.cache, prefix, ttl);
        return process;
    }
    // A server's time passes by itself, and while a busy machine does something else.
    std::chrono::milliseconds scaled(std::chrono::milliseconds time) const { return is_memory_ ? time : time * 8; }
    void pass(std::chrono::milliseconds time) {
        if (is_memory_) return clock_.advance(time);
        std::this_thread::sleep_for(scaled(time));
    }

    const bool is_memory_ = std::string_view(GetParam()) == "memory";
    const std::string prefix_ = test::own_prefix();
    ManualClock clock_{from_micros(1'795'364'460'000'000)};
    const std::unique_ptr<Cache> memory_ = make_memory_cache(clock_, 1 << 20);
    Process here_;
};

TEST_P(PresenceContract, WhoWasRenewedIsOnlineAndNobodyElse) {
    EXPECT_FALSE(here_.is_online(kAda));
    here_.renew({kAda, kLast});
    EXPECT_TRUE(here_.is_online(kAda));
    EXPECT_TRUE(here_.is_online(kLast));
    EXPECT_FALSE(here_.is_online(kBen));
    EXPECT_FALSE(here_.is_online(UserId{10}));  // how Ada's begins
}

TEST_P(PresenceContract, AnswersInTheOrderOfTheQuestionAlsoTwice) {
    here_.renew({kBen, kAda, kBen});
    EXPECT_THAT(here_.online({kAda, UserId{1}, kBen, kAda, UserId{1}}), ElementsAre(true, false, true, true, false));
    EXPECT_THAT(here_.online({}), SizeIs(0));
    here_.renew({});
}

TEST_P(PresenceContract, EndsAfterTheTimeToLive) {
    const Process brief = start(scaled(100ms));
    brief.renew({kAda, kBen});
    EXPECT_THAT(brief.online({kAda, kBen}), ElementsAre(true, true));
    here_.renew({kBen});  // for longer
    pass(120ms);
    EXPECT_THAT(brief.online({kAda, kBen}), ElementsAre(false, true));
}

TEST_P(PresenceContract, LastsAsLongAsOneOfTheProcessesRenews) {
    const Process other = start(scaled(100ms));
    {
        const Process ending = start(scaled(100ms));
        ending.renew({kAda, kBen});
        other.renew({kAda});
        EXPECT_THAT(here_.online({kAda, kBen}), ElementsAre(true, true));
    }
    pass(60ms);
    other.renew({kAda});
    pass(60ms);
    EXPECT_THAT(here_.online({kAda, kBen}), ElementsAre(true, false));
    pass(60ms);
    EXPECT_THAT(here_.online({kAda, kBen}), ElementsAre(false, false));
}

TEST_P(PresenceContract, ManyAreRenewedAndAskedForAtOnce) {
    here_.renew(members(1'201));
    EXPECT_THAT(here_.online(members(500)), AllOf(SizeIs(500), Each(true)));
    EXPECT_THAT(here_.online({UserId{501}, UserId{1'000}, UserId{1'001}, UserId{1'201}, UserId{1'202}}),
                ElementsAre(true, true, true, true, false));
}

TEST_P(PresenceContract, AnotherPrefixIsAnotherPresence) {
    const Process other = start(Presence::kTtl, "typing:");
    here_.renew({kAda});
    EXPECT_FALSE(other.is_online(kAda));
}

INSTANTIATE_TEST_SUITE_P(, PresenceContract, testing::ValuesIn(test::kCacheEngines),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Presence, EverybodyIsOfflineWhileTheCacheIsAway) {
    // Nobody listens there.
    redis::Client client(redis::parse_url("redis://127.0.0.1:1"));
    const auto cache = make_redis_cache(client, "away:");
    Presence presence(*cache, "online:");
    await(presence.renew(members(501)));
    EXPECT_THAT(await(presence.online(members(500))), AllOf(SizeIs(500), Each(false)));
}

TEST(Presence, EndsWithTheServerAndComesBackWithTheNextRenewal) {
    if (const auto reason = test::missing_redis("redis"); !reason.empty()) GTEST_SKIP() << reason;
    test::RedisServers servers("single");
    const auto client = test::open_redis(servers.url());
    const auto cache = make_redis_cache(*client, test::own_prefix());
    Presence presence(*cache, "online:");
    const auto renew = [&] { await(presence.renew({kAda})); };
    const auto is_online = [&]() -> bool { return await(presence.online({kAda})).at(0); };
    renew();
    ASSERT_TRUE(is_online());
    servers.kill("single");
    EXPECT_FALSE(is_online());
    renew();
    servers.start_again();
    EXPECT_TRUE(test::wait_until([&] { return client->is_up(); }));
    EXPECT_FALSE(is_online());
    EXPECT_TRUE(test::wait_until([&] {
        renew();
        return is_online();
    }));
}

// Remembers how many keys each call was for.
class CountingCache final : public Cache {
public:
    std::vector<std::size_t> asked;
    std::vector<std::size_t> stored;

    Task<std::optional<std::string>> get(std::string_view) override {
        asked.push_back(1);
        co_return std::nullopt;
    }
    Task<std::vector<std::optional<std::string>>> get_all(std::vector<std::string> keys) override {
        asked.push_back(keys.size());
        co_return std::vector<std::optional<std::string>>(keys.size());
    }
    Task<void> set(std::string_view, std::string, std::chrono::milliseconds) override {
        stored.push_back(1);
        co_return;
    }
    Task<void> set_all(std::vector<Entry> entries, std::chrono::milliseconds) override {
        stored.push_back(entries.size());
        co_return;
    }
    Task<void> erase(std::string_view) override { co_return; }
    Task<std::optional<std::int64_t>> add(std::string_view, std::int64_t, std::chrono::milliseconds) override {
        co_return std::nullopt;
    }
    Task<bool> swap(std::string_view, std::string_view, std::string, std::chrono::milliseconds) override {
        co_return false;
    }
};

TEST(Presence, TakesOneRoundTripForEach500) {
    CountingCache cache;
    Presence presence(cache, "online:");
    await(presence.renew(members(1'201)));
    await(presence.renew(members(500)));
    await(presence.online(members(500)));
    EXPECT_THAT(cache.stored, ElementsAre(500, 500, 201, 500));
    EXPECT_THAT(cache.asked, ElementsAre(500));
}

}  // namespace
}  // namespace guildhall::cache
