#include "platform/http/client.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "platform/async/call.hpp"
#include "platform/async/task_group.hpp"
#include "platform/base/result.hpp"
#include "support/await.hpp"
#include "support/databases.hpp"
#include "support/http_server.hpp"
#include "support/series.hpp"

namespace guildhall::http {
namespace {

using guildhall::test::HttpServer;
using guildhall::test::series;
using guildhall::test::TestLoop;
using guildhall::test::wait_until;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

struct Echo {
    std::string request_id;
    std::string traceparent;
    std::string body;
};
BOOST_DESCRIBE_STRUCT(Echo, (), (request_id, traceparent, body))

struct Words {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(Words, (), (text))

/// A peer that behaves as the test asks.
class Peer {
public:
    Task<Result<Echo>> echo(Visitor visitor, Words words) {
        ++calls;
        co_return Echo{visitor.request->request_id, visitor.request->traceparent, words.text};
    }
    Task<Result<Echo>> slow(Visitor) {
        ++calls;
        co_await sleep_for(milliseconds(300));
        co_return Echo{};
    }
    /// Until the end of the test.
    Task<Result<Echo>> silent(Visitor) {
        ++calls;
        while (!is_over) co_await sleep_for(milliseconds(5));
        co_return Echo{};
    }
    Task<Result<Document>> large(Visitor) { co_return Document{"text/plain", std::string(100'000, 'x')}; }
    Task<Result<Echo>> moody(Visitor) {
        ++calls;
        if (failures > 0) {
            --failures;
            throw Unavailable("in a mood");
        }
        co_return Echo{};
    }
    Task<Result<Echo>> refusing(Visitor) { co_return Error{Code::not_found, "never was"}; }

    void add_routes(Router& router) {
        router.post("/echo", this, &Peer::echo).anyone();
        router.get("/slow", this, &Peer::slow).anyone();
        router.get("/silent", this, &Peer::silent).anyone();
        router.get("/large", this, &Peer::large).anyone();
        router.get("/moody", this, &Peer::moody).anyone();
        router.get("/refusing", this, &Peer::refusing).anyone();
    }

    std::atomic<int> calls{0};
    std::atomic<int> failures{0};
    std::atomic<bool> is_over{false};
};

class ClientTest : public testing::Test {
protected:
    ClientTest() { start(); }
    void TearDown() override { peer.is_over = true; }

    void start(std::uint16_t port = 0) {
        server.emplace([this](Router& router) { peer.add_routes(router); }, port);
        base = server->url();
    }
    ClientRequest get(const std::string& path, bool is_idempotent = true) const {
        ClientRequest request;
        request.peer = name();
        request.url = base + path;
        request.is_idempotent = is_idempotent;
        return request;
    }
    ClientRequest post(const std::string& path, std::string body) const {
        ClientRequest request = get(path);
        request.method = "POST";
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = std::move(body);
        return request;
    }
    // A peer for each test, so that metrics tell them apart.
    static std::string name() { return testing::UnitTest::GetInstance()->current_test_info()->name(); }
    static double connects() { return series("guildhall_client_connects_total{peer=\"" + name() + "\"}"); }
    static double ended(const std::string& how) {
        return series("guildhall_client_requests_total{outcome=\"" + how + "\",peer=\"" + name() + "\"}");
    }
    ClientResponse send(ClientRequest request) { return loop.run(client->send(std::move(request))); }
    void set(ClientOptions options) { client.emplace(options); }
    /// What send() throws, as text; empty when it answers.
    std::string failure(ClientRequest request) {
        try {
            send(std::move(request));
            return {};
        } catch (const Unavailable& away) {
            return away.what();
        }
    }

    Peer peer;
    std::optional<HttpServer> server;
    std::string base;
    TestLoop loop;
    std::optional<Client> client{std::in_place};
};

TEST_F(ClientTest, GivesStatusHeadersAndBody) {
    const ClientResponse response = send(post("/echo", R"({"text":"hello"})"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(json::read_trusted<Echo>(response.body).body, "hello");
    EXPECT_EQ(
        std::ranges::count(response.headers, std::pair<std::string, std::string>("Content-Type", "application/json")),
        1);
}

TEST_F(ClientTest, GivesARefusalAsAnAnswer) { EXPECT_EQ(send(get("/refusing")).status, 404); }

TEST_F(ClientTest, SendsALargeBodyWhole) {
    const std::string text(900'000, 'y');
    const ClientResponse response = send(post("/echo", json::to_json(Words{text})));
    EXPECT_EQ(json::read_trusted<Echo>(response.body).body, text);
}

TEST_F(ClientTest, KeepsItsConnection) {
    for (int i = 0; i < 10; ++i) send(post("/echo", R"({"text":"hello"})"));
    EXPECT_EQ(connects(), 1);
}

TEST_F(ClientTest, NeverSendsOverAKeptConnectionWhatMustNotBeSentTwice) {
    for (int i = 0; i < 3; ++i) send(get("/refusing", false));
    EXPECT_EQ(connects(), 3);
}

// [X16]
TEST_F(ClientTest, PassesOnTheRequestIdAndTheTrace) {
    const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const auto call = std::make_shared<const Call>(Call{"request-7", trace, Call::Deadline::max()});
    const ClientResponse response = loop.run(run_for(call, client->send(post("/echo", R"({"text":""})"))));
    const auto echo = json::read_trusted<Echo>(response.body);
    EXPECT_EQ(echo.request_id, "request-7");
    EXPECT_EQ(echo.traceparent.substr(0, 36), trace.substr(0, 36));  // the trace; the span is the peer's own
}

TEST_F(ClientTest, GivesUpAtItsDeadline) {
    ClientRequest request = get("/silent");
    request.deadline = milliseconds(50);
    const auto start = Steady::now();
    EXPECT_EQ(failure(std::move(request)), name() + " did not answer in time");
    EXPECT_LT(Steady::now() - start, ClientOptions{}.deadline);
    EXPECT_EQ(ended("timeout"), 1);
}

// [X25]
TEST_F(ClientTest, InheritsTheDeadlineOfItsCall) {
    const auto call = std::make_shared<const Call>(Call{"", "", Steady::now() + milliseconds(50)});
    set({.deadline = std::chrono::minutes(1)});
    EXPECT_THROW(loop.run(run_for(call, client->send(get("/silent")))), Unavailable);
    EXPECT_LT(Steady::now(), call->deadline + std::chrono::seconds(20));
}

TEST_F(ClientTest, AsksNobodyWhenTheDeadlineHasPassed) {
    const auto call = std::make_shared<const Call>(Call{"", "", Steady::now()});
    EXPECT_THROW(loop.run(run_for(call, client->send(get("/moody")))), Unavailable);
    EXPECT_EQ(peer.calls, 0);
}

TEST_F(ClientTest, SaysThatAConnectionIsRefused) {
    const std::uint16_t port = server->port();
    server.reset();
    EXPECT_NE(failure(get("/moody")).find("is unavailable"), std::string::npos) << port;
}

TEST_F(ClientTest, SaysThatANameIsUnknown) {
    ClientRequest request = get("/");
    request.url = "http://no-such-host.invalid/";
    EXPECT_NE(failure(std::move(request)).find("is unavailable"), std::string::npos);
}

TEST_F(ClientTest, ResolvesANameWithoutBlockingTheLoop) {
    ClientRequest request = get("/refusing");
    request.url = "http://localhost:" + std::to_string(server->port()) + "/refusing";
    EXPECT_EQ(send(std::move(request)).status, 404);
}

TEST_F(ClientTest, GivesUpOnAPeerThatAcceptsNoConnectionInTime) {
    // A full accept queue: the kernel drops the handshake of who comes now.
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor full(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
    full.listen(0);
    std::vector<boost::asio::ip::tcp::socket> queued;
    for (int i = 0; i < 4; ++i) {
        queued.emplace_back(io);
        queued.back().open(boost::asio::ip::tcp::v4());
        queued.back().native_non_blocking(true);
        const auto place = full.local_endpoint();
        ::connect(queued.back().native_handle(), place.data(), static_cast<socklen_t>(place.size()));
    }
    set({.connect_deadline = milliseconds(100), .deadline = std::chrono::minutes(1), .max_tries = 1});
    ClientRequest request = get("/");
    request.url = "http://127.0.0.1:" + std::to_string(full.local_endpoint().port()) + "/";
    const auto start = Steady::now();
    EXPECT_NE(failure(std::move(request)).find("is unavailable"), std::string::npos);
    EXPECT_LT(Steady::now() - start, std::chrono::seconds(20));
}

TEST_F(ClientTest, RefusesAnAnswerThatIsTooLarge) {
    set({.max_answer_bytes = 50'000});
    EXPECT_EQ(failure(get("/large")), name() + " answered more than 50000 bytes");
    EXPECT_EQ(ended("too_large"), 1);
    set({.max_answer_bytes = 200'000});
    EXPECT_EQ(send(get("/large")).body.size(), 100'000);
}

TEST_F(ClientTest, RefusesAtOnceBeyondItsBoundInFlight) {
    set({.max_in_flight = 3});
    int answered = 0;
    int refused = 0;
    auto one = [&]() -> Task<void> {
        try {
            ClientRequest request = get("/slow");
            co_await client->send(std::move(request));
            ++answered;
        } catch (const Unavailable&) {
            ++refused;
        }
    };
    for (int i = 0; i < 5; ++i) loop.spawn(one());
    loop.run();
    EXPECT_EQ(answered, 3);
    EXPECT_EQ(refused, 2);
    EXPECT_EQ(ended("full"), 2);
}

TEST_F(ClientTest, SendsAgainWhatIsIdempotent) {
    peer.failures = 1;
    EXPECT_EQ(send(get("/moody")).status, 200);
    EXPECT_EQ(peer.calls, 2);
}

TEST_F(ClientTest, NeverSendsAgainWhatIsNot) {
    peer.failures = 1;
    EXPECT_NE(failure(get("/moody", false)), "");
    EXPECT_EQ(peer.calls, 1);
}

// [X25]
TEST_F(ClientTest, SendsAgainOnlyWithinItsBudget) {
    set({.breaker_failures = 1000});
    peer.failures = 1000;
    const auto start = Steady::now();
    for (int i = 0; i < 100; ++i) failure(get("/moody"));
    // Ten at first, a tenth of the requests, and ten a second.
    const std::chrono::duration<double> took = Steady::now() - start;
    EXPECT_GE(peer.calls, 100 + 10);
    EXPECT_LE(peer.calls, 100 + 10 + 10 + 10 * took.count());
}

TEST_F(ClientTest, LeavesAPeerAloneThatFailsAndComesBack) {
    set({.breaker_failures = 3, .breaker_open_for = std::chrono::seconds(2), .max_tries = 1});
    peer.failures = 3;
    for (int i = 0; i < 3; ++i) failure(get("/moody"));
    EXPECT_EQ(failure(get("/moody")), name() + " is not asked: its circuit breaker is open");
    EXPECT_EQ(peer.calls, 3);
    EXPECT_EQ(series("guildhall_client_breaker_open{peer=\"" + name() + "\"}"), 1);
    EXPECT_TRUE(wait_until([&] { return failure(get("/moody")).empty(); }));
    EXPECT_EQ(series("guildhall_client_breaker_open{peer=\"" + name() + "\"}"), 0);
}

TEST_F(ClientTest, NeverSaysNotSentOfWhatItSentBeforeTheBreakerOpened) {
    set({.breaker_failures = 1, .breaker_open_for = std::chrono::hours(1), .max_tries = 2});
    peer.failures = 1;
    try {
        send(get("/moody"));
        ADD_FAILURE() << "the breaker let the second try through";
    } catch (const NotSent& lie) {
        ADD_FAILURE() << lie.what();
    } catch (const Unavailable& away) {
        EXPECT_EQ(std::string(away.what()), name() + " answered 503 to " + base + "/moody");
    }
    EXPECT_EQ(peer.calls, 1);
    EXPECT_EQ(ended("away"), 1);
    EXPECT_EQ(ended("breaker_open"), 0);
    EXPECT_THROW(send(get("/moody")), NotSent);
}

TEST_F(ClientTest, FindsAPeerThatWasRestarted) {
    set({.breaker_failures = 2, .breaker_open_for = milliseconds(50)});
    const std::uint16_t port = server->port();
    EXPECT_EQ(send(get("/moody")).status, 200);
    server.reset();
    EXPECT_NE(failure(get("/moody")), "");
    start(port);
    EXPECT_TRUE(wait_until([&] { return failure(get("/moody")).empty(); }));
}

TEST_F(ClientTest, SendsManyAtOnceFromManyThreads) {
    constexpr int kThreads = 4;
    constexpr int kEach = 200;
    std::atomic<int> right{0};
    auto one = [&](std::string text) -> Task<void> {
        for (int i = 0; i < 5; ++i) {
            ClientRequest request = post("/echo", json::to_json(Words{text}));
            const ClientResponse response = co_await client->send(std::move(request));
            right += json::read_trusted<Echo>(response.body).body == text;
        }
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            TestLoop own;
            for (int i = 0; i < kEach / 5; ++i) own.spawn(one("text " + std::to_string(t) + "-" + std::to_string(i)));
            own.run();
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, kThreads * kEach);
}

TEST_F(ClientTest, StopGivesUpWhatIsOnItsWay) {
    int given_up = 0;
    auto one = [&]() -> Task<void> {
        try {
            ClientRequest request = get("/silent");
            co_await client->send(std::move(request));
        } catch (const Unavailable&) {
            ++given_up;
        }
    };
    auto stop = [&]() -> Task<void> {
        while (peer.calls == 0) co_await sleep_for(milliseconds(1));
        client->stop();
    };
    set({.deadline = std::chrono::minutes(1)});
    for (int i = 0; i < 3; ++i) loop.spawn(one());
    loop.spawn(stop());
    const auto start = Steady::now();
    loop.run();
    EXPECT_EQ(given_up, 3);
    EXPECT_LT(Steady::now() - start, std::chrono::seconds(20));
    EXPECT_THROW(send(get("/moody")), Unavailable);
}

TEST_F(ClientTest, ALoopMayEndWithRequestsOnTheirWay) {
    auto io = std::make_unique<boost::asio::io_context>(1);
    bool has_ended = false;
    auto one = [&]() -> Task<void> {
        ClientRequest request = get("/slow");
        co_await client->send(std::move(request));
        has_ended = true;
    };
    for (int i = 0; i < 3; ++i) boost::asio::co_spawn(*io, one(), [](const std::exception_ptr&) {});
    while (peer.calls < 3) io->run_one_for(milliseconds(10));
    io.reset();  // destroys the coroutines; AddressSanitizer says whether anything was left or used again
    EXPECT_FALSE(has_ended);
}

}  // namespace
}  // namespace guildhall::http
