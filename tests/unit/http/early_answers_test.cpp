// What is answered before a request is read to its end, and what that leaves behind.
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "fixture.hpp"
#include "support/await.hpp"

namespace guildhall::http::testing {
namespace {

using boost::asio::ip::tcp;

const std::string kOrigin = "https://app.example";

ServerOptions options_with(std::function<void(ServerOptions&)> change) {
    ServerOptions options;
    options.cors_origins = {kOrigin};
    change(options);
    return options;
}

void send(tcp::socket& socket, std::string_view bytes) { boost::asio::write(socket, boost::asio::buffer(bytes)); }

std::string head(std::string_view method_and_target, std::string_view fields) {
    return std::string(method_and_target) + " HTTP/1.1\r\nHost: t\r\n" + std::string(fields) + "\r\n";
}

/// The answer to a request whose body of `size` bytes never comes.
Answer answer_to_header(RunningServer& server, std::string_view method_and_target, const std::string& fields,
                        std::size_t size = 900'000) {
    auto socket = server.connect();
    send(socket, head(method_and_target, fields + "Content-Length: " + std::to_string(size) + "\r\n"));
    return RunningServer::receive(socket);
}

const std::string kJson = "Content-Type: application/json\r\n";

// [F: bodies are buffered before route and token]
TEST(EarlyAnswer, IsGivenByTheHeaderAlone) {
    RunningServer server;
    EXPECT_EQ(answer_to_header(server, "POST /v1/nothing", kJson).status, 404);
    EXPECT_EQ(answer_to_header(server, "PUT /v1/greetings", kJson).status, 405);
    EXPECT_EQ(answer_to_header(server, "POST /v1/greetings", kJson).status, 401);
    EXPECT_EQ(answer_to_header(server, "POST /v1/greetings", kJson + "Authorization: Bearer x\r\n").status, 401);
    EXPECT_EQ(answer_to_header(server, "POST /v1/greetings", server.bearer()).status, 415);
    EXPECT_EQ(answer_to_header(server, "POST /v1/greetings", kJson + server.bearer(), 2'000'000).status, 413);
    EXPECT_EQ(answer_to_header(server, "GET /v1/greetings/5", "").status, 200);
}

// [F: bodies are buffered before route and token]
TEST(EarlyAnswer, ComesBeforeTheBodyWhenTheRateLimitIsReached) {
    constexpr RateLimit kOne{1, std::chrono::seconds(60)};
    RunningServer server({}, {{kOne, kOne, kOne}});
    ASSERT_EQ(server.request("POST", "/v1/greetings", server.bearer(), R"({"text":"a"})").status, 201);
    EXPECT_EQ(answer_to_header(server, "POST /v1/greetings", kJson + server.bearer()).status, 429);
}

// [F: bodies are buffered before route and token]
TEST(EarlyAnswer, DoesNotInviteABodyThatIsRefused) {
    RunningServer server;
    const std::string expect = kJson + "Expect: 100-continue\r\n";
    EXPECT_EQ(answer_to_header(server, "POST /v1/greetings", expect, 20).status, 401);
    EXPECT_EQ(answer_to_header(server, "POST /v1/greetings", expect + server.bearer(), 20).status, 100);
}

// [F: bodies are buffered before route and token]
TEST(EarlyAnswer, LimitsTheBodyOfARequestThatNeedsNoToken) {
    RunningServer server(options_with([](ServerOptions& options) { options.max_visitor_body_bytes = 100; }));
    EXPECT_EQ(answer_to_header(server, "POST /v1/echoes", kJson, 101).status, 413);
    EXPECT_EQ(server.request("POST", "/v1/echoes", "", R"({"text":"a"})").status, 200);
    // With a token the other limit counts.
    const std::string padded = R"({"text":"a")" + std::string(200, ' ') + "}";
    EXPECT_EQ(server.request("POST", "/v1/echoes", server.bearer(), padded).status, 200);
}

TEST(EarlyAnswer, KeepsTheConnectionWhenTheRefusedBodyIsSmall) {
    RunningServer server;
    auto socket = server.connect();
    send(socket, head("POST /v1/greetings", kJson + "Content-Length: 30000\r\n"));
    EXPECT_EQ(RunningServer::receive(socket).status, 401);
    send(socket, std::string(30'000, 'x') + head("GET /v1/greetings/6", ""));
    EXPECT_EQ(RunningServer::receive(socket).body, R"({"id":"6","text":"hello","version":7})");
    // The whole body may also be there already.
    send(socket,
         head("POST /v1/greetings", kJson + "Content-Length: 5\r\n") + "xxxxx" + head("GET /v1/greetings/7", ""));
    EXPECT_EQ(RunningServer::receive(socket).status, 401);
    EXPECT_EQ(RunningServer::receive(socket).body, R"({"id":"7","text":"hello","version":7})");
}

TEST(EarlyAnswer, EndsTheConnectionWhenTheRefusedBodyIsLarge) {
    RunningServer server;
    const Answer answer = answer_to_header(server, "POST /v1/greetings", kJson);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.header("Connection"), "close");
}

// [F: bodies are buffered before route and token]
TEST(ReceiveBudget, IsSharedByAllRequestsAndGivenBack) {
    RunningServer server(options_with([](ServerOptions& options) { options.max_received_bytes = 300'000; }));
    const std::string post = head("POST /v1/greetings", kJson + server.bearer() + "Content-Length: 250000\r\n");
    auto first = server.connect();
    send(first, post + std::string(200'000, ' '));
    // Announced is not received: this one takes nothing yet.
    auto second = server.connect();
    send(second, post);
    const std::string body = R"({"text":"a")" + std::string(100'000, ' ') + "}";
    const auto post_other = [&] { return server.request("POST", "/v1/greetings", server.bearer(), body); };
    ASSERT_TRUE(test::wait_until([&] { return post_other().status == 503; }));
    const Answer refused = post_other();
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.header("Retry-After"), "1");
    first.close();
    ASSERT_TRUE(test::wait_until([&] { return post_other().status != 503; }));
    EXPECT_EQ(post_other().status, 201);
}

// [F: bodies are buffered before route and token]
TEST(Connections, OfOneAddressAreBounded) {
    RunningServer server(options_with([](ServerOptions& options) { options.max_connections_per_address = 2; }));
    auto first = server.connect();
    auto second = server.connect();
    send(second, head("GET /v1/greetings/5", ""));
    ASSERT_EQ(RunningServer::receive(second).status, 200);
    const Answer refused = server.request("GET", "/v1/greetings/5");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(boost::json::parse(refused.body).at("code"), "too_many_connections");
    first.close();
    EXPECT_TRUE(test::wait_until([&] { return server.request("GET", "/v1/greetings/5").status != 429; }));
}

TEST(Connections, OfATrustedProxyAreNotBoundedByItsAddress) {
    RunningServer server(options_with([](ServerOptions& options) {
        options.max_connections_per_address = 1;
        options.trusted_proxies = {*IpNetwork::parse("127.0.0.0/8")};
    }));
    auto first = server.connect();
    EXPECT_EQ(server.request("GET", "/v1/greetings/5").status, 200);
}

/// An answer that is given without the dispatcher's usual way: how to get it.
struct Early {
    const char* name;
    int status;
    std::function<Answer(RunningServer&, const std::string& fields)> get;
};

class EarlyAnswers : public ::testing::TestWithParam<Early> {};

// [F: early refusals bypass the dispatcher]
TEST_P(EarlyAnswers, AllowTheOriginAndNameTheRequest) {
    RunningServer server(options_with([](ServerOptions& options) {
        options.max_connections = 1;
        options.max_header_bytes = 2048;
        options.header_deadline = options.body_deadline = options.handler_deadline = std::chrono::seconds(1);
    }));
    const Answer answer = GetParam().get(server, "Origin: " + kOrigin + "\r\nX-Request-Id: early-1\r\n");
    EXPECT_EQ(answer.status, GetParam().status) << answer.body;
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), kOrigin);
    EXPECT_EQ(answer.header("Vary"), "Origin");
    EXPECT_EQ(answer.header("X-Request-Id"), "early-1");
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
    EXPECT_EQ(boost::json::parse(answer.body).at("request_id"), "early-1");
}

Answer parsed(RunningServer& server, const std::string& bytes) { return RunningServer::parse(server.exchange(bytes)); }

INSTANTIATE_TEST_SUITE_P(
    All, EarlyAnswers,
    ::testing::Values(Early{"UnknownRoute", 404,
                            [](RunningServer& server, const std::string& fields) {
                                return server.request("GET", "/v1/nothing", fields);
                            }},
                      Early{"TooLarge", 413,
                            [](RunningServer& server, const std::string& fields) {
                                return answer_to_header(server, "POST /v1/greetings", fields + kJson + server.bearer(),
                                                        9'000'000);
                            }},
                      Early{"HeaderTooLarge", 431,
                            [](RunningServer& server, const std::string& fields) {
                                return server.request("GET", "/v1/greetings/5",
                                                      fields + "X: " + std::string(4000, 'x') + "\r\n");
                            }},
                      Early{"Malformed", 400,
                            [](RunningServer& server, const std::string& fields) {
                                return parsed(server, head("GET /v1/greetings/5", fields + "X : 1\r\n"));
                            }},
                      Early{"SlowHeader", 408,
                            [](RunningServer& server, const std::string& fields) {
                                return parsed(server, "GET /v1/greetings/5 HTTP/1.1\r\nHost: t\r\n" + fields);
                            }},
                      Early{"SlowBody", 408,
                            [](RunningServer& server, const std::string& fields) {
                                return answer_to_header(server, "POST /v1/greetings", fields + kJson + server.bearer(),
                                                        10);
                            }},
                      Early{"SlowHandler", 503,
                            [](RunningServer& server, const std::string& fields) {
                                return server.request("GET", "/v1/greetings/30", fields);
                            }},
                      Early{"TooManyConnections", 503,
                            [](RunningServer& server, const std::string& fields) {
                                auto first = server.connect();
                                send(first, head("GET /v1/greetings/5", ""));
                                RunningServer::receive(first);
                                return server.request("GET", "/v1/greetings/5", fields);
                            }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace guildhall::http::testing
