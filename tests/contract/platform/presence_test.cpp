#include "platform/cache/presence.hpp"

#include <chrono>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/cache/memory.hpp"
#include "platform/cache/redis.hpp"
#include "support/await.hpp"
#include "support/redis.hpp"
#include "support/redis_servers.hpp"
#include "support/seen_within.hpp"

namespace guildhall::cache {
namespace {

using namespace std::chrono_literals;
using test::await;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

constexpr std::chrono::milliseconds kBrief{500};
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
    // Looks again and again. The time of a server passes by itself, that in memory with each look.
    bool comes(const std::function<bool()>& condition) {
        return test::wait_until([&] {
            if (is_memory_) clock_.advance(10ms);
            return condition();
        });
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
    const Process brief = start(kBrief);
    const auto renewed = [&] {
        brief.renew({kAda, kBen});
        return brief.online({kAda, kBen});
    };
    EXPECT_THAT(test::seen_within(kBrief, renewed), ElementsAre(true, true));
    here_.renew({kBen});  // for longer
    EXPECT_TRUE(comes([&] { return !brief.is_online(kAda); }));
    EXPECT_TRUE(brief.is_online(kBen));
}

TEST_P(PresenceContract, LastsAsLongAsOneOfTheProcessesRenews) {
    const Process other = start(kBrief);
    const auto both_renew = [&] {
        const Process ending = start(kBrief);
        other.renew({kAda});
        ending.renew({kAda, kBen});
        return here_.online({kAda, kBen});
    };
    EXPECT_THAT(test::seen_within(kBrief, both_renew), ElementsAre(true, true));
    auto renewed_at = std::chrono::steady_clock::now() - kBrief;
    bool was_away = false;
    EXPECT_TRUE(comes([&] {
        const auto online = here_.online({kAda, kBen});
        const auto looked_at = std::chrono::steady_clock::now();
        if (!online[0] && looked_at - renewed_at < kBrief) was_away = true;
        renewed_at = std::chrono::steady_clock::now();
        other.renew({kAda});
        return !online[1];
    }));
    EXPECT_FALSE(was_away);
    EXPECT_TRUE(comes([&] { return !here_.is_online(kAda); }));
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
