#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "platform/async/call.hpp"
#include "platform/http/client.hpp"
#include "platform/http/internal_token.hpp"
#include "platform/http/service_client.hpp"
#include "support/databases.hpp"
#include "support/http_server.hpp"

namespace guildhall::http {
namespace {

using guildhall::test::HttpServer;
using guildhall::test::TestLoop;

struct SecretQuestion {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(SecretQuestion, (), (text))

struct SecretAnswer {
    std::string text;
    std::optional<UserId> subject;
    std::int64_t milliseconds_left = 0;
    std::string request_id;
    bool reads_only = false;
};
BOOST_DESCRIBE_STRUCT(SecretAnswer, (), (text, subject, milliseconds_left, request_id, reads_only))

/// What a version before knew of that answer.
struct OlderAnswer {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(OlderAnswer, (), (text))

class Oracle {
public:
    Task<Result<SecretAnswer>> ask(Visitor visitor, SecretQuestion question) {
        ++asked;
        if (question.text == "stale") (co_await current_call())->may_be_stale.set();
        const CallPointer call = co_await current_call();
        const auto left = call ? call->deadline - std::chrono::steady_clock::now() : std::chrono::seconds(0);
        if (question.text == "refuse") co_return Error{Code::forbidden, "not you"};
        co_return SecretAnswer{question.text, visitor.id ? std::optional(visitor.id) : std::nullopt,
                               std::chrono::duration_cast<std::chrono::milliseconds>(left).count(),
                               call ? call->request_id : "", call && call->reads_only};
    }
    Task<Result<SecretAnswer>> look(Visitor visitor) { return ask(visitor, {}); }
    std::atomic<int> asked{0};
};

class InternalRouteTest : public testing::Test {
protected:
    void bind(Router& router) {
        router.set_service("oracle");
        router.post("/internal/v1/oracle/ask", &oracle, &Oracle::ask).internal(tokens);
        router.post("/v1/ask", &oracle, &Oracle::ask).anyone();
        router.get("/v1/look", &oracle, &Oracle::look).anyone();
        router.carry_calls(std::chrono::seconds(10));
    }
    ServiceClient service(const InternalTokens& with, std::string audience = "oracle") {
        return {client, with, {"test", std::move(audience), {server.url()}}};
    }
    /// The status of a POST with this Authorization field, or none.
    ClientResponse post(const std::string& authorization, const std::string& path = "/internal/v1/oracle/ask",
                        const std::string& method = "POST", const std::string& deadline = {}) {
        ClientRequest request;
        request.peer = "oracle";
        request.method = method;
        request.url = server.url() + path;
        request.headers.emplace_back("Content-Type", "application/json");
        if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
        if (!deadline.empty()) request.headers.emplace_back(kDeadlineHeader, deadline);
        request.body = R"({"text":"hello"})";
        return loop.run(client.send(std::move(request)));
    }

    SystemClock clock;
    InternalTokens tokens{{std::string(32, 's')}, clock};
    Oracle oracle;
    HttpServer server{[this](Router& router) { bind(router); }};
    Client client;
    TestLoop loop;
};

TEST_F(InternalRouteTest, AnswersWhoeverHasAToken) {
    ServiceClient ask = service(tokens);
    const SecretQuestion question{"hello"};
    const auto answer = loop.run(ask.ask<SecretAnswer>("ask", UserId{7}, question));
    EXPECT_EQ(answer.text, "hello");
    EXPECT_EQ(answer.subject, UserId{7});
}

TEST_F(InternalRouteTest, LooksAbsentToAllOthers) {
    const ClientResponse absent = post("", "/internal/v1/oracle/nothing");
    const ClientResponse refused = post("");
    EXPECT_EQ(absent.status, 404);
    EXPECT_EQ(refused.status, 404);
    EXPECT_EQ(post("Bearer abc").status, 404);
    EXPECT_EQ(post("", "/internal/v1/oracle/ask", "GET").status, 404);
    EXPECT_EQ(post("", "/internal/v1/oracle/ask", "OPTIONS").status, 404);
    EXPECT_NE(refused.body.find("no_such_route"), std::string::npos);
}

TEST_F(InternalRouteTest, IsRefusedToATokenForAnotherService) {
    EXPECT_EQ(post("Bearer " + tokens.sign({"test", "user", UserId{}})).status, 401);
}

TEST_F(InternalRouteTest, ATokenOpensNoPublicRoute) {
    EXPECT_EQ(post("Bearer " + tokens.sign({"test", "oracle", UserId{7}}), "/v1/ask").status, 401);
}

TEST_F(InternalRouteTest, IsInNoPublicDocument) {
    Router router;
    router.post("/internal/v1/oracle/ask", &oracle, &Oracle::ask).internal(tokens);
    router.freeze();
    const std::string document = boost::json::serialize(router.openapi());
    EXPECT_EQ(document.find("internal"), std::string::npos);
    EXPECT_EQ(document.find("Secret"), std::string::npos);
}

TEST_F(InternalRouteTest, MustSayThatItIsOne) {
    Router open;
    open.post("/internal/v1/oracle/ask", &oracle, &Oracle::ask).anyone();
    EXPECT_THROW(open.freeze(), std::logic_error);
    Router hidden;
    hidden.post("/v1/ask", &oracle, &Oracle::ask).internal(tokens);
    EXPECT_THROW(hidden.freeze(), std::logic_error);
}

TEST_F(InternalRouteTest, InheritsTheDeadlineAndTheRequestId) {
    ServiceClient ask = service(tokens);
    const SecretQuestion question{"hello"};
    const auto call = std::make_shared<const Call>(
        Call{"request-7", "", std::chrono::steady_clock::now() + std::chrono::milliseconds(1500)});
    const auto answer = loop.run(run_for(call, ask.ask<SecretAnswer>("ask", UserId{}, question)));
    EXPECT_EQ(answer.request_id, "request-7");
    EXPECT_GT(answer.milliseconds_left, 0);
    EXPECT_LE(answer.milliseconds_left, 1500);
}

TEST_F(InternalRouteTest, IsNotHandledWhenNobodyWaitsForTheAnswerAnyMore) {
    const std::string token = "Bearer " + tokens.sign({"test", "oracle", UserId{}});
    EXPECT_THROW(post(token, "/internal/v1/oracle/ask", "POST", "0"), Unavailable);  // of a 503
    EXPECT_EQ(oracle.asked, 0);
    EXPECT_EQ(post(token, "/internal/v1/oracle/ask", "POST", "30000").status, 200);
    EXPECT_EQ(post(token).status, 200);
}

TEST_F(InternalRouteTest, WhoAskedLearnsThatAnAnswerIsNotToBeKeptAndSaysSoToo) {
    ServiceClient ask = service(tokens);
    const SecretQuestion question{"hello"};
    const SecretQuestion stale{"stale"};
    const auto call = std::make_shared<const Call>();
    EXPECT_TRUE(loop.run(run_for(call, ask.ask_to_cache<OlderAnswer>("ask", UserId{}, question))).is_cacheable);
    EXPECT_FALSE(call->may_be_stale.is_set());
    EXPECT_FALSE(loop.run(run_for(call, ask.ask_to_cache<OlderAnswer>("ask", UserId{}, stale))).is_cacheable);
    EXPECT_TRUE(call->may_be_stale.is_set());
}

TEST_F(InternalRouteTest, OnlyAGetAndWhoIsAskedForOneReadOnly) {
    EXPECT_TRUE(json::read_trusted<SecretAnswer>(post("", "/v1/look", "GET").body).reads_only);
    EXPECT_FALSE(json::read_trusted<SecretAnswer>(post("", "/v1/ask").body).reads_only);
    ServiceClient ask = service(tokens);
    for (const bool reads_only : {false, true}) {
        Call caller;
        caller.reads_only = reads_only;
        auto call = std::make_shared<const Call>(caller);
        const SecretQuestion question{"hello"};
        const auto answer = loop.run(run_for(std::move(call), ask.ask<SecretAnswer>("ask", UserId{}, question)));
        EXPECT_EQ(answer.reads_only, reads_only);
    }
}

TEST_F(InternalRouteTest, APublicRequestHasTheDeadlineOfTheServer) {
    const auto answer = json::read_trusted<SecretAnswer>(post("", "/v1/ask").body);
    EXPECT_GT(answer.milliseconds_left, 5'000);
    EXPECT_LE(answer.milliseconds_left, 10'000);
}

TEST_F(InternalRouteTest, ARefusalIsUnavailableToWhoAsks) {
    ServiceClient ask = service(tokens);
    const SecretQuestion question{"refuse"};
    EXPECT_THROW(loop.run(ask.ask<SecretAnswer>("ask", UserId{}, question)), Unavailable);
    const InternalTokens strangers({std::string(32, 'x')}, clock);
    ServiceClient stranger = service(strangers);
    const SecretQuestion hello{"hello"};
    EXPECT_THROW(loop.run(stranger.ask<SecretAnswer>("ask", UserId{}, hello)), Unavailable);
}

TEST_F(InternalRouteTest, TheNextReplicaIsAskedWhenOneIsAway) {
    const std::string away = "http://127.0.0.1:1";
    const SecretQuestion question{"hello"};
    ServiceClient ask(client, tokens, {"test", "oracle", {away, server.url()}});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(loop.run(ask.ask<SecretAnswer>("ask", UserId{}, question)).text, "hello");
    ServiceClient nobody(client, tokens, {"test", "oracle", {away, "http://127.0.0.1:2"}});
    EXPECT_THROW(loop.run(nobody.ask<SecretAnswer>("ask", UserId{}, question)), Unavailable);
}

TEST_F(InternalRouteTest, RetriesAtOtherReplicasHaveABudget) {
    const SecretQuestion question{"hello"};
    // Its breaker never opens: each request is sent to it.
    Client stubborn({.breaker_failures = 1'000'000, .max_tries = 1});
    ServiceClient ask(stubborn, tokens, {"test", "oracle", {"http://127.0.0.1:1", server.url()}});
    constexpr int kAsked = 400;
    constexpr int kFirstToAway = kAsked / 2;
    int failures = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kAsked; ++i) {
        try {
            loop.run(ask.ask<SecretAnswer>("ask", UserId{}, question));
        } catch (const Unavailable&) {
            ++failures;
        }
    }
    // Ten at first, a tenth of what is asked, and ten a second.
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const double most_retries = 10 + 0.1 * kAsked + 10 * took.count();
    EXPECT_GE(failures, kFirstToAway - most_retries);
    EXPECT_LE(failures, kFirstToAway - 10);
}

TEST_F(InternalRouteTest, AnOlderVersionReadsTheAnswerOfANewer) {
    ServiceClient ask = service(tokens);
    const SecretQuestion question{"hello"};
    EXPECT_EQ(loop.run(ask.ask<OlderAnswer>("ask", UserId{}, question)).text, "hello");
}

}  // namespace
}  // namespace guildhall::http
