// The Redis client when servers stop, hang, come back and move.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "platform/cache/redis.hpp"
#include "platform/http/redis_rate_limiter.hpp"
#include "platform/realtime/redis.hpp"
#include "support/await.hpp"
#include "support/redis_servers.hpp"

namespace guildhall::redis {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::RedisServers;
using test::wait_until;
using testing::HasSubstr;

using Now = std::chrono::steady_clock;

Task<Reply> ask(Client& client, Command command) { return client.run(std::move(command)); }

// The answer's text or number, "nil", or "away: " and why.
std::string outcome(Client& client, Command command) {
    try {
        const Reply reply = await(ask(client, std::move(command)));
        if (reply.kind == Reply::Kind::nil) return "nil";
        return reply.kind == Reply::Kind::integer ? std::to_string(reply.integer) : reply.text;
    } catch (const Unavailable& away) {
        return std::string("away: ") + away.what();
    }
}
std::string get(Client& client, std::string_view key) { return outcome(client, Command("GET").key(key)); }
std::string set(Client& client, std::string_view key, std::string_view value) {
    return outcome(client, Command("SET").key(key).argument(value));
}

Settings quick(const std::string& url) {
    Settings settings = parse_url(url);
    settings.connect_deadline = 1s;
    settings.command_deadline = 1s;
    settings.ping_interval = 300ms;
    return settings;
}

class RedisFaults : public testing::Test {
protected:
    static void SetUpTestSuite() {
        if (test::missing_redis("redis").empty()) servers_ = std::make_unique<RedisServers>("single");
    }
    static void TearDownTestSuite() { servers_.reset(); }
    void SetUp() override {
        if (const auto reason = test::missing_redis("redis"); !reason.empty()) GTEST_SKIP() << reason;
        client_ = std::make_unique<Client>(quick(servers_->url()));
        ASSERT_TRUE(wait_until([&] { return outcome(*client_, Command("FLUSHALL")) == "OK"; }));
    }
    void stop() { servers_->kill("single"); }
    void start() { servers_->start_again(); }

    static inline std::unique_ptr<RedisServers> servers_;
    std::unique_ptr<Client> client_;
};

TEST_F(RedisFaults, CommandsFailAtOnceWhileTheServerIsUnavailableAndWorkAgainByThemselves) {
    ASSERT_EQ(set(*client_, "a", "1"), "OK");
    stop();
    EXPECT_TRUE(wait_until([&] { return !client_->is_up(); }));
    EXPECT_TRUE(wait_until([&] { return get(*client_, "a").starts_with("away: "); }));
    const auto begin = Now::now();
    for (int i = 0; i < 100; ++i) EXPECT_THAT(get(*client_, "a"), HasSubstr("away: "));
    EXPECT_LT(Now::now() - begin, 10s) << "a deadline each is 100 s";
    start();
    EXPECT_TRUE(wait_until([&] { return get(*client_, "a") == "nil"; }));
    EXPECT_TRUE(wait_until([&] { return client_->is_up(); }));
}

TEST_F(RedisFaults, ASilentServerCostsOneDeadlineAndThenNothing) {
    ASSERT_EQ(set(*client_, "a", "1"), "OK");
    servers_->pause("single");
    auto begin = Now::now();
    EXPECT_THAT(get(*client_, "a"), HasSubstr("away: "));
    EXPECT_LT(Now::now() - begin, 5s);
    begin = Now::now();
    for (int i = 0; i < 100; ++i) EXPECT_THAT(get(*client_, "a"), HasSubstr("away: "));
    EXPECT_LT(Now::now() - begin, 10s) << "a deadline each is 100 s";
    servers_->resume("single");
    EXPECT_TRUE(wait_until([&] { return get(*client_, "a") == "1"; }));
}

TEST_F(RedisFaults, SilenceIsNoticedWithoutACommand) {
    ASSERT_EQ(set(*client_, "a", "1"), "OK");
    servers_->pause("single");
    EXPECT_TRUE(wait_until([&] { return !client_->is_up(); }));
    servers_->resume("single");
    EXPECT_TRUE(wait_until([&] { return client_->is_up(); }));
}

TEST_F(RedisFaults, NoMoreThanTheLimitWait) {
    Settings settings = quick(servers_->url());
    settings.max_waiting = 10;
    Client client(settings);
    ASSERT_EQ(set(client, "a", "1"), "OK");
    servers_->pause("single");
    test::TestLoop loop;
    int refused = 0;
    int late = 0;
    const auto one = [&]() -> Task<void> {
        try {
            co_await client.run(Command("GET").key("a"));
        } catch (const Unavailable& away) {
            const bool is_refusal = std::string(away.what()).contains("too many");
            ++(is_refusal ? refused : late);
        }
    };
    for (int i = 0; i < 50; ++i) loop.spawn(one());
    loop.run();
    servers_->resume("single");
    EXPECT_EQ(late, 10);
    EXPECT_EQ(refused, 40);
}

TEST_F(RedisFaults, ARestartUnderLoadHangsNobodyAndIsOverSoon) {
    std::atomic<bool> is_over{false};
    std::atomic<int> longest_ms{0};
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            const std::string key = "load" + std::to_string(i);
            for (int n = 0; !is_over; ++n) {
                const auto begin = Now::now();
                const std::string value = std::to_string(n);
                if (set(*client_, key, value) == "OK") {
                    const std::string read = get(*client_, key);
                    // Answers may be missing, and values after a restart, but no caller gets the answer of another.
                    if (read != value && read != "nil" && !read.starts_with("away: ")) ++wrong;
                }
                const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Now::now() - begin).count();
                longest_ms = std::max(longest_ms.load(), static_cast<int>(took));
            }
        });
    }
    for (int round = 0; round < 3; ++round) {
        stop();
        start();
        EXPECT_TRUE(wait_until([&] { return set(*client_, "a", "1") == "OK"; }));
    }
    is_over = true;
    threads.clear();
    EXPECT_EQ(wrong, 0);
    EXPECT_LT(longest_ms, 10'000);
}

TEST_F(RedisFaults, AServerThatComesLaterIsFound) {
    stop();
    Client client(quick(servers_->url()));
    EXPECT_TRUE(wait_until([&] { return get(client, "a").contains("cannot connect"); }));
    start();
    EXPECT_TRUE(wait_until([&] { return get(client, "a") == "nil"; }));
}

TEST_F(RedisFaults, SignsInAndSaysWhenItIsRefused) {
    const std::string place = servers_->url().substr(8);
    Command add("ACL");
    add.argument("SETUSER")
        .argument("guild@hall")
        .argument("on")
        .argument(">p@ss/word")
        .argument("~*")
        .argument("+@all");
    ASSERT_EQ(outcome(*client_, add), "OK");
    Client known(quick("redis://guild%40hall:p%40ss%2Fword@" + place + "/3"));
    EXPECT_EQ(set(known, "a", "of database 3"), "OK");
    EXPECT_EQ(outcome(known, Command("ACL").argument("WHOAMI")), "guild@hall");
    EXPECT_EQ(get(*client_, "a"), "nil");
    Client stranger(quick("redis://guild%40hall:wrong@" + place));
    EXPECT_TRUE(wait_until([&] { return get(stranger, "a").contains("WRONGPASS"); }));
    EXPECT_FALSE(get(stranger, "a").contains("wrong@"));
}

TEST_F(RedisFaults, AScriptThatTheServerForgotIsSentAgain) {
    const Script script("return ARGV[1]");
    const auto run = [&]() { return await(client_->run(script, "k", {"x"})).text; };
    EXPECT_EQ(run(), "x");
    EXPECT_EQ(outcome(*client_, Command("SCRIPT").argument("FLUSH")), "OK");
    EXPECT_EQ(run(), "x");
}

TEST_F(RedisFaults, ARefusedWriteOfAReplicaIsUnavailable) {
    ASSERT_EQ(outcome(*client_, Command("REPLICAOF").argument("127.0.0.1").argument(1)), "OK");
    EXPECT_THAT(set(*client_, "a", "1"), HasSubstr("away: "));
    ASSERT_TRUE(
        wait_until([&] { return outcome(*client_, Command("REPLICAOF").argument("NO").argument("ONE")) == "OK"; }));
    EXPECT_TRUE(wait_until([&] { return set(*client_, "a", "1") == "OK"; }));
}

TEST_F(RedisFaults, CallersThatWaitWhenTheClientEndsFail) {
    servers_->pause("single");
    auto connecting = std::make_unique<Client>(quick(servers_->url()));
    for (auto* owner : {&client_, &connecting}) {
        test::TestLoop loop;
        std::string told;
        const auto waiting = [&]() -> Task<void> {
            try {
                co_await (*owner)->run(Command("GET").key("a"));
            } catch (const Unavailable& away) {
                told = away.what();
            }
        };
        loop.spawn(waiting());
        loop.io().poll();
        owner->reset();
        loop.run();
        EXPECT_THAT(told, HasSubstr("not needed any more"));
    }
    servers_->resume("single");
}

TEST_F(RedisFaults, AContextMayEndWithCommandsUnderWay) {
    for (int round = 0; round < 20; ++round) {
        boost::asio::io_context io(1);
        Client client(quick(servers_->url()), {&io});
        std::atomic<int> answers{0};
        const auto work = [&]() -> Task<void> {
            for (;;) {
                co_await client.run(Command("INCR").key("n"));
                ++answers;
            }
        };
        boost::asio::co_spawn(io, work(), [](const std::exception_ptr&) {});
        boost::asio::co_spawn(io, work(), [](const std::exception_ptr&) {});
        std::jthread thread([&] { io.run(); });
        ASSERT_TRUE(wait_until([&] { return answers > 10; }));
        io.stop();
        thread.join();
    }
}

TEST_F(RedisFaults, ACacheWhoseServerIsUnavailableIsEmpty) {
    const auto cache = cache::make_redis_cache(*client_, test::own_prefix());
    await(cache->set("a", "1", 1h));
    EXPECT_EQ(await(cache->get("a")), "1");
    stop();
    EXPECT_EQ(await(cache->get("a")), std::nullopt);
    EXPECT_EQ(await(cache->get_all({"a", "b"})).size(), 2U);
    EXPECT_EQ(await(cache->add("n", 1, 1h)), std::nullopt);
    await(cache->set("a", "1", 1h));
    await(cache->erase("a"));
    start();
    EXPECT_TRUE(wait_until([&] {
        await(cache->set("a", "2", 1h));
        return await(cache->get("a")) == "2";
    }));
}

TEST_F(RedisFaults, RateLimitsAreCountedByTheProcessWhileTheServerIsUnavailable) {
    const SystemClock clock;
    const auto limiter =
        http::make_redis_rate_limiter(*client_, test::own_prefix(), {{{3, 3600s}, {3, 3600s}, {3, 3600s}}}, clock);
    const auto take = [&] { return await(limiter->take(http::RateClass::write, "a")).allowed; };
    EXPECT_TRUE(take());
    stop();
    ASSERT_TRUE(wait_until([&] { return get(*client_, "a").starts_with("away: "); }));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(take());
    EXPECT_FALSE(take());
    start();
    ASSERT_TRUE(wait_until([&] { return get(*client_, "a") == "nil"; }));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(take());
    EXPECT_FALSE(take());
}

// A stream with a listener on one replica and a publisher on another, over servers that fail.
class Carried {
public:
    explicit Carried(const std::string& url) : here_(quick(url)), there_(quick(url)) {
        subscription_ = receiving_->subscribe("s", [this](auto, auto) { ++heard_; }, [this](auto) { ++missed_; });
    }
    // True when messages arrive within the time.
    bool works(std::chrono::milliseconds limit = 20s) {
        const int before = heard_;
        return wait_until(
            [&] {
                sending_->publish("s", "x");
                return heard_ > before;
            },
            limit);
    }
    int missed() const { return missed_; }

private:
    Client here_;
    Client there_;
    const std::string prefix_ = test::own_prefix();
    std::atomic<int> heard_{0};
    std::atomic<int> missed_{0};
    std::unique_ptr<realtime::Channel> receiving_ = realtime::make_redis_channel(here_, prefix_);
    std::unique_ptr<realtime::Channel> sending_ = realtime::make_redis_channel(there_, prefix_);
    std::unique_ptr<realtime::Channel::Subscription> subscription_;
};

TEST_F(RedisFaults, SubscriptionsComeBackAndSayThatMessagesMayBeMissing) {
    Carried carried(servers_->url());
    ASSERT_TRUE(carried.works());
    int missed = carried.missed();
    stop();
    start();
    EXPECT_TRUE(wait_until([&] { return carried.missed() > missed; }));
    EXPECT_TRUE(carried.works(5s));

    missed = carried.missed();
    servers_->pause("single");
    std::this_thread::sleep_for(3s);  // longer than the ping and its answer may take
    servers_->resume("single");
    EXPECT_TRUE(wait_until([&] { return carried.missed() > missed; }));
    EXPECT_TRUE(carried.works(5s));
}

TEST_F(RedisFaults, WhoSubscribesInTheSameProcessHearsAlsoWhileTheServerIsUnavailable) {
    const auto channel = realtime::make_redis_channel(*client_, test::own_prefix());
    stop();
    std::atomic<int> heard{0};
    const auto subscription = channel->subscribe("s", [&](auto, auto) { ++heard; });
    channel->publish("s", "x");
    EXPECT_EQ(heard, 1);
    start();
}

TEST(RedisTls, SpeaksWithAServerOfAKnownAuthorityAndNoOther) {
    if (const auto reason = test::missing_redis("redis"); !reason.empty()) GTEST_SKIP() << reason;
    const RedisServers servers("tls");
    {
        Client client(quick(servers.url()));
        EXPECT_TRUE(wait_until([&] { return get(client, "a").contains("TLS: "); }));
    }
    // OpenSSL reads further authorities from this variable. No other thread runs now.
    ASSERT_EQ(::setenv("SSL_CERT_FILE", servers.authority().c_str(), 1), 0);
    {
        Client client(quick(servers.url()));
        const std::string large(1'000'000, 'x');
        EXPECT_EQ(set(client, "a", large), "OK");
        EXPECT_EQ(get(client, "a"), large);
        Client elsewhere(quick("rediss://localhost:" + servers.port("tls")));
        EXPECT_TRUE(wait_until([&] { return get(elsewhere, "a").contains("TLS: "); }));
    }
    ::unsetenv("SSL_CERT_FILE");
}

class RedisSentinelFaults : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = test::missing_redis("redis_sentinel"); !reason.empty()) GTEST_SKIP() << reason;
        servers_ = std::make_unique<RedisServers>("sentinel");
        client_ = std::make_unique<Client>(quick(servers_->url()));
        carried_ = std::make_unique<Carried>(servers_->url());
        ASSERT_EQ(set(*client_, "a", "1"), "OK");
        // The command's own deadline is 300 ms; a busy machine may need more.
        for (int tries = 0; outcome(*client_, Command("WAIT").argument(1).argument(300)) != "1"; ++tries)
            ASSERT_LT(tries, 30) << "the replica does not follow";
        ASSERT_TRUE(carried_->works());
    }
    std::string role() {
        try {
            return await(ask(*client_, Command("ROLE"))).elements.at(0).text;
        } catch (const Unavailable&) {
            return "away";
        }
    }
    bool writes(std::chrono::milliseconds limit) {
        return wait_until([&] { return set(*client_, "b", "2") == "OK"; }, limit);
    }

    std::unique_ptr<RedisServers> servers_;
    std::unique_ptr<Client> client_;
    std::unique_ptr<Carried> carried_;
};

TEST_F(RedisSentinelFaults, FollowsTheNewPrimaryWhenTheOldOneHasEnded) {
    servers_->kill("primary");
    EXPECT_TRUE(writes(30s));
    EXPECT_EQ(get(*client_, "a"), "1");
    EXPECT_EQ(role(), "master");
    EXPECT_TRUE(carried_->works());
}

TEST_F(RedisSentinelFaults, FollowsTheNewPrimaryWhenTheOldOneIsSilentAlsoAfterItIsBack) {
    const int missed = carried_->missed();
    servers_->pause("primary");
    EXPECT_TRUE(writes(30s));
    EXPECT_EQ(get(*client_, "a"), "1");
    servers_->resume("primary");
    Client old(quick("redis://127.0.0.1:" + servers_->port("primary")));
    EXPECT_TRUE(wait_until([&] { return set(old, "c", "3").contains("READONLY"); }, 30s));
    EXPECT_TRUE(writes(5s));
    EXPECT_EQ(role(), "master");
    EXPECT_GT(carried_->missed(), missed);
    EXPECT_TRUE(carried_->works());
}

TEST_F(RedisSentinelFaults, FollowsAlsoWhenASentinelEndedWithThePrimary) {
    servers_->kill("sentinel1");
    servers_->kill("primary");
    EXPECT_TRUE(writes(30s));  // two sentinels are enough; the first of the list has ended
}

class RedisClusterFaults : public testing::Test {
protected:
    void SetUp() override {
        if (const auto reason = test::missing_redis("redis_cluster"); !reason.empty()) GTEST_SKIP() << reason;
        servers_ = std::make_unique<RedisServers>("cluster");
        client_ = std::make_unique<Client>(quick(servers_->url()));
        for (const char* name : {"node0", "node1", "node2"}) {
            nodes_.push_back(std::make_unique<Client>(quick("redis://127.0.0.1:" + servers_->port(name))));
            ids_.push_back(outcome(*nodes_.back(), Command("CLUSTER").argument("MYID")));
        }
        ASSERT_EQ(set(*client_, kKey, "1"), "OK");
        // The node of the key, and another one.
        while (get(*nodes_[source_], kKey).starts_with("away: ")) ++source_;
        target_ = (source_ + 1) % nodes_.size();
    }
    std::string slot_command(std::size_t node, const char* verb, const std::string& argument) {
        Command command("CLUSTER");
        command.argument("SETSLOT").argument(slot_of(kKey)).argument(verb);
        if (!argument.empty()) command.argument(argument);
        return outcome(*nodes_[node], command);
    }
    std::string migrate(std::string_view key) {
        const std::string name = "node" + std::to_string(target_);
        Command command("MIGRATE");
        command.argument("127.0.0.1").argument(servers_->port(name)).argument(key).argument(0).argument(1000);
        return outcome(*nodes_[source_], command);
    }

    static constexpr const char* kKey = "{tag}:a";
    std::unique_ptr<RedisServers> servers_;
    std::unique_ptr<Client> client_;
    std::vector<std::unique_ptr<Client>> nodes_;
    std::vector<std::string> ids_;
    std::size_t source_ = 0;
    std::size_t target_ = 0;
};

TEST_F(RedisClusterFaults, FollowsASlotThatMovesAtEachStep) {
    ASSERT_EQ(set(*client_, "{tag}:b", "2"), "OK");
    ASSERT_EQ(slot_command(target_, "IMPORTING", ids_[source_]), "OK");
    ASSERT_EQ(slot_command(source_, "MIGRATING", ids_[target_]), "OK");
    EXPECT_EQ(get(*client_, kKey), "1");
    ASSERT_EQ(migrate(kKey), "OK");
    EXPECT_EQ(get(*client_, kKey), "1");       // ASK
    EXPECT_EQ(get(*client_, "{tag}:b"), "2");  // still on its old node
    EXPECT_EQ(set(*client_, "{tag}:c", "3"), "OK");
    const auto values = await(client_->run_all({Command("GET").key(kKey), Command("GET").key("{tag}:b"),
                                                Command("GET").key("{tag}:c"), Command("GET").key("elsewhere")}));
    EXPECT_EQ(values[0].text + values[1].text + values[2].text, "123");
    EXPECT_EQ(values[3].kind, Reply::Kind::nil);
    ASSERT_EQ(migrate("{tag}:b"), "OK");
    for (const std::size_t node : {target_, source_}) ASSERT_EQ(slot_command(node, "NODE", ids_[target_]), "OK");
    EXPECT_EQ(get(*client_, kKey), "1");  // MOVED
    EXPECT_EQ(get(*client_, "{tag}:b"), "2");
    EXPECT_EQ(get(*client_, "{tag}:c"), "3");
    EXPECT_FALSE(get(*nodes_[target_], kKey).starts_with("away: "));
    const Script script("return redis.call('GET', KEYS[1])");
    EXPECT_EQ(await(client_->run(script, kKey, {})).text, "1");
}

TEST_F(RedisClusterFaults, ANodeThatIsUnavailableOrSilentCostsItsKeysOnly) {
    std::vector<std::string> elsewhere;
    for (int i = 0; elsewhere.size() < 20; ++i) {
        const std::string key = "k" + std::to_string(i);
        if (get(*nodes_[source_], key).starts_with("away: ")) elsewhere.push_back(key);
    }
    for (const auto& key : elsewhere) ASSERT_EQ(set(*client_, key, "x"), "OK");
    const std::string name = "node" + std::to_string(source_);
    servers_->pause(name);
    auto begin = Now::now();
    EXPECT_THAT(get(*client_, kKey), HasSubstr("away: "));
    EXPECT_LT(Now::now() - begin, 10s);
    for (const auto& key : elsewhere) EXPECT_EQ(get(*client_, key), "x");
    servers_->resume(name);
    EXPECT_TRUE(wait_until([&] { return get(*client_, kKey) == "1"; }, 20s));

    Carried carried(servers_->url());
    ASSERT_TRUE(carried.works());
    servers_->kill(name);
    EXPECT_TRUE(wait_until([&] { return get(*client_, kKey).starts_with("away: "); }));
    begin = Now::now();
    for (int i = 0; i < 50; ++i) EXPECT_THAT(get(*client_, kKey), HasSubstr("away: "));
    EXPECT_LT(Now::now() - begin, 10s) << "a deadline each is 50 s";
    for (const auto& key : elsewhere) EXPECT_EQ(get(*client_, key), "x");
}

}  // namespace
}  // namespace guildhall::redis
