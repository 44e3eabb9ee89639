#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "fixture.hpp"

namespace guildhall::http::testing {
namespace {

TEST(HttpServer, AnswersARouteWithJsonAndItsRequestId) {
    RunningServer server;
    const Answer answer = server.request("GET", "/v1/greetings/5", "X-Request-Id: abc-1\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"id":"5","text":"hello","version":7})");
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    EXPECT_EQ(answer.header("X-Request-Id"), "abc-1");
}

// [X4]
TEST(HttpServer, NamesEveryFaultyFieldOfABody) {
    RunningServer server;
    const Answer answer =
        server.request("POST", "/v1/greetings", server.bearer(), R"({"text":"far too long for it","loud":3,"txet":1})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
    const auto problem = boost::json::parse(answer.body).as_object();
    EXPECT_EQ(problem.at("code"), "invalid");
    std::vector<std::string> pointers;
    for (const auto& fault : problem.at("errors").as_array()) pointers.emplace_back(fault.at("pointer").as_string());
    EXPECT_EQ(pointers, (std::vector<std::string>{"/text", "/loud", "/txet"}));
}

TEST(HttpServer, RefusesAMemberGivenTwiceByItsName) {
    RunningServer server;
    const Answer answer = server.request("POST", "/v1/greetings", server.bearer(), R"({"text":"a","text":"b"})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find(R"("pointer":"/text","code":"repeated")"), std::string::npos);
}

TEST(HttpServer, RefusesAnUnknownQueryParameterByItsName) {
    RunningServer server;
    const Answer answer = server.request("GET", "/v1/greetings?limit=5&colour=red");
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find("\"/colour\""), std::string::npos);
}

// [X5]
TEST(HttpServer, LinksTheNextPageAndKeepsTheOtherParameters) {
    RunningServer server;
    EXPECT_EQ(server.request("GET", "/v1/greetings?limit=5&cursor=abc").header("Link"),
              R"(<?limit=5&cursor=bmV4dA>; rel="next")");
}

TEST(HttpServer, SaysWhichMethodsAPathHas) {
    RunningServer server;
    const Answer answer = server.request("PUT", "/v1/greetings/5");
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(answer.header("Allow"), "GET, HEAD, PATCH, DELETE, OPTIONS");
}

TEST(HttpServer, NeverShowsTheCauseOfABug) {
    RunningServer server;
    const Answer answer = server.request("GET", "/v1/greetings/500");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body.find("secret"), std::string::npos);
}

TEST(HttpServer, AnswersABrokenDependencyWith503AndRetryAfter) {
    RunningServer server;
    const Answer answer = server.request("GET", "/v1/greetings/503");
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.header("Retry-After"), "1");
    EXPECT_EQ(answer.body.find("database"), std::string::npos);
}

TEST(HttpServer, RefusesMissingGarbledExpiredAndForgedTokens) {
    RunningServer server;
    const std::string body = R"({"text":"a"})";
    const auto status = [&](const std::string& header) {
        return server.request("POST", "/v1/greetings", header, body).status;
    };
    EXPECT_EQ(status(""), 401);
    EXPECT_EQ(status("Authorization: Bearer x\r\n"), 401);
    EXPECT_EQ(status("Authorization: Basic dTpw\r\n"), 401);
    EXPECT_EQ(
        status("Authorization: Bearer " + server.token(UserId{42}, SessionId{1}, std::chrono::seconds(-1)) + "\r\n"),
        401);
    RunningServer other;
    EXPECT_EQ(status(other.bearer()), 401);
    EXPECT_EQ(status(server.bearer()), 201);
    // [F: small] RFC 6750 §2.1 allows more blanks than one.
    EXPECT_EQ(status("Authorization: bearer   " + server.token() + "\r\n"), 201);
}

TEST(HttpServer, RefusesATokenOfARevokedSessionAtOnce) {
    RunningServer server;
    const std::string header = server.bearer();
    ASSERT_EQ(server.request("DELETE", "/v1/greetings/5", header).status, 204);
    server.revoked().revoked = SessionId{1};
    EXPECT_EQ(server.request("DELETE", "/v1/greetings/5", header).status, 401);
}

// [X3]
TEST(HttpServer, RefusesTheCallPastTheLimitAndSaysWhenToComeBack) {
    RunningServer server(
        {}, {{{2, std::chrono::seconds(60)}, {1000, std::chrono::seconds(60)}, {1000, std::chrono::seconds(60)}}});
    EXPECT_EQ(server.request("GET", "/v1/greetings/5").header("RateLimit"), R"("read";r=1;t=30)");
    EXPECT_EQ(server.request("GET", "/v1/greetings/5").status, 200);
    const Answer refused = server.request("GET", "/v1/greetings/5");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.header("RateLimit-Policy"), R"("read";q=2;w=60)");
    EXPECT_GE(std::stoi(refused.header("Retry-After")), 29);
}

TEST(HttpServer, DoesNotCountTheCallsOfAnUnlimitedRoute) {
    constexpr RateLimit kOne{1, std::chrono::seconds(60)};
    RunningServer server({}, {{kOne, kOne, kOne}});
    for (int i = 0; i < 3; ++i) {
        const Answer answer = server.request("GET", "/v1/probes/5");
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.header("RateLimit"), "");
        EXPECT_EQ(answer.header("RateLimit-Policy"), "");
    }
    EXPECT_EQ(server.request("GET", "/v1/greetings/5").status, 200);
    EXPECT_EQ(server.request("GET", "/v1/greetings/5").status, 429);
}

// [X7]
TEST(HttpServer, AnswersNotModifiedToTheEntityTagItGave) {
    RunningServer server;
    const std::string etag = server.request("GET", "/v1/greetings/5").header("ETag");
    ASSERT_TRUE(etag.starts_with("\"7-")) << etag;
    const Answer again = server.request("GET", "/v1/greetings/5", "If-None-Match: \"other\", " + etag + "\r\n");
    EXPECT_EQ(again.status, 304);
    EXPECT_TRUE(again.body.empty());
    EXPECT_EQ(server.request("GET", "/v1/greetings/5", "If-None-Match: \"7-0\"\r\n").status, 200);
}

// [P42]
TEST(HttpServer, RefusesAChangeThatNamesAnotherVersion) {
    RunningServer server;
    const auto status = [&](const std::string& if_match) {
        return server.request("PATCH", "/v1/greetings/5", server.bearer() + if_match, R"({"text":"a"})").status;
    };
    EXPECT_EQ(status("If-Match: \"7-abc\"\r\n"), 200);
    EXPECT_EQ(status("If-Match: *\r\n"), 200);
    // [F: conditional requests]
    EXPECT_EQ(status("If-Match: \"other\", \"7-abc\"\r\n"), 200);
    EXPECT_EQ(status("If-Match: \"other\"\r\nIf-Match: \"7-abc\"\r\n"), 200);
    EXPECT_EQ(status("If-Match: W/\"7-abc\"\r\n"), 412);
    EXPECT_EQ(status("If-Match: \"6-abc\"\r\n"), 412);
    EXPECT_EQ(status("If-Match: nonsense\r\n"), 400);
}

TEST(HttpServer, CompressesALongAnswerForAClientThatAsks) {
    RunningServer server;
    EXPECT_EQ(server.request("GET", "/v1/greetings?limit=100", "Accept-Encoding: gzip\r\n").header("Content-Encoding"),
              "gzip");
    EXPECT_EQ(
        server.request("GET", "/v1/greetings?limit=100", "Accept-Encoding: gzip;q=0\r\n").header("Content-Encoding"),
        "");
    EXPECT_EQ(server.request("GET", "/v1/greetings?limit=1", "Accept-Encoding: gzip\r\n").header("Content-Encoding"),
              "");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
    RunningServer server;
    const std::string all = server.exchange(
        "GET /v1/greetings/5 HTTP/1.1\r\nHost: t\r\n\r\n"
        "GET /v1/greetings/6 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    const auto first = all.find(R"("id":"5")");
    ASSERT_NE(first, std::string::npos);
    EXPECT_NE(all.find(R"("id":"6")", first), std::string::npos);
}

TEST(HttpServer, ReadsAChunkedBody) {
    RunningServer server;
    const std::string all =
        server.exchange("POST /v1/greetings HTTP/1.1\r\nHost: t\r\nConnection: close\r\n" + server.bearer() +
                        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5\r\n{\"tex\r\n8\r\nt\":\"ab\"}\r\n0\r\n\r\n");
    EXPECT_EQ(RunningServer::parse(all).status, 201) << all;
}

TEST(HttpServer, TakesNoHeaderFromTrailers) {
    RunningServer server;
    const std::string all = server.exchange(
        "POST /v1/greetings HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\nd\r\n{\"text\":\"ab\"}\r\n0\r\n" +
        server.bearer() + "\r\n");
    EXPECT_EQ(RunningServer::parse(all).status, 401) << all;
}

TEST(HttpServer, RefusesAChunkLineThatDoesNotEnd) {
    RunningServer server;
    const std::string all =
        server.exchange("POST /v1/greetings HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n" +
                        server.bearer() + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(60'000, 'a'));
    EXPECT_EQ(RunningServer::parse(all).status, 400) << all.substr(0, 200);
}

TEST(HttpServer, AnswersHeadWithoutABody) {
    RunningServer server;
    const Answer answer = server.request("HEAD", "/v1/greetings/5");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Length"), "37");
    EXPECT_TRUE(answer.body.empty());
}

/// What Beast's parser accepts and a server must refuse: each gets 400 and the connection is closed, so that nothing
/// behind it is read as a request.
class MalformedRequest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(MalformedRequest, IsAnswered400AndClosed) {
    RunningServer server;
    const std::string all = server.exchange(std::string(GetParam().second) +
                                            "GET /v1/greetings/6 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(RunningServer::parse(all).status, 400) << all;
    EXPECT_EQ(all.find(R"("id":"6")"), std::string::npos) << "the bytes behind it were taken for a request";
}

INSTANTIATE_TEST_SUITE_P(
    Requests, MalformedRequest,
    ::testing::Values(
        std::pair{"NoHost", "GET /v1/greetings/5 HTTP/1.1\r\n\r\n"},
        std::pair{"TwoHosts", "GET /v1/greetings/5 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        std::pair{"FoldedHeader", "GET /v1/greetings/5 HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"},
        std::pair{"UnknownCoding", "POST /v1/greetings HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        std::pair{"ChunkedOn10",
                  "POST /v1/greetings HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        std::pair{"BothFramings",
                  "POST /v1/greetings HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n"
                  "\r\n0\r\n\r\n"},
        std::pair{"TwoLengths",
                  "POST /v1/greetings HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"},
        std::pair{"NoVersion", "GET /v1/greetings/5\r\n"},
        std::pair{"TargetThatIsNotAscii", "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"},
        std::pair{"SpaceBeforeColon", "GET /v1/greetings/5 HTTP/1.1\r\nHost : a\r\n\r\n"},
        std::pair{"BareLf", "GET /v1/greetings/5 HTTP/1.1\nHost: a\r\n\r\n"},
        std::pair{"EmptyLineThatIsABareLf", "GET /v1/greetings/5 HTTP/1.1\r\nHost: a\r\n\nX: 1\r\n\r\n"},
        std::pair{"MethodThatIsNoToken", "GE\"T /v1/greetings/5 HTTP/1.1\r\nHost: a\r\n\r\n"},
        std::pair{"TwoAuthorizations",
                  "DELETE /v1/greetings/5 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\n"
                  "Authorization: Bearer b\r\n\r\n"},
        std::pair{"TwoContentTypes",
                  "POST /v1/greetings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                  "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"},
        std::pair{"NegativeLength", "POST /v1/greetings HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"}),
    [](const auto& info) { return info.param.first; });

TEST(HttpServer, RefusesAHeaderOrBodyThatIsTooLarge) {
    ServerOptions options;
    options.max_header_bytes = 2048;
    options.max_body_bytes = 1000;
    RunningServer server(options);
    EXPECT_EQ(server.request("GET", "/v1/greetings/5", "X: " + std::string(4000, 'x') + "\r\n").status, 431);
    EXPECT_EQ(server.request("POST", "/v1/greetings", server.bearer(), std::string(2000, 'x')).status, 413);
}

TEST(HttpServer, ClosesAClientThatSendsItsHeaderTooSlowly) {
    ServerOptions options;
    options.header_deadline = std::chrono::seconds(1);
    RunningServer server(options);
    EXPECT_EQ(RunningServer::parse(server.exchange("GET /v1/greetings/5 HTTP/1.1\r\nHost: a\r\nX:")).status, 408);
}

TEST(HttpServer, AnswersForAHandlerThatTakesTooLongAndLetsItEndUnheard) {
    ServerOptions options;
    options.handler_deadline = std::chrono::seconds(1);
    RunningServer server(options);
    // The request behind it gets no answer: the first answer says that the connection ends.
    const std::string all = server.exchange(
        "GET /v1/greetings/30 HTTP/1.1\r\nHost: t\r\nX-Request-Id: late-1\r\n\r\n"
        "GET /v1/greetings/6 HTTP/1.1\r\nHost: t\r\n\r\n");
    const Answer answer = RunningServer::parse(all);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.header("Connection"), "close");
    EXPECT_EQ(answer.header("Content-Length"), std::to_string(answer.body.size()));
    const auto problem = boost::json::parse(answer.body).as_object();
    EXPECT_EQ(problem.at("code"), "deadline_exceeded");
    EXPECT_EQ(problem.at("request_id"), "late-1");
    EXPECT_EQ(problem.at("instance"), "/v1/greetings/30");

    EXPECT_EQ(server.request("GET", "/v1/greetings/5").status, 200);
    server.service().is_released = true;
    server.server().drain(std::chrono::seconds(5));  // returns early only when the handler's connection has ended
}

TEST(HttpServer, EndsConnectionsWithTheirNextAnswerOnceADrainIsAnnounced) {
    RunningServer server;
    server.server().announce_drain();
    const std::string all = server.exchange("GET /v1/greetings/5 HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_EQ(RunningServer::parse(all).status, 200);
    EXPECT_EQ(RunningServer::parse(all).header("Connection"), "close");
}

// [X20]
TEST(HttpServer, ClosesIdleConnectionsWhenItDrains) {
    RunningServer server;
    auto idle = server.connect();
    boost::asio::write(idle, boost::asio::buffer(std::string("GET /v1/greetings/5 HTTP/1.1\r\nHost: t\r\n\r\n")));
    char byte = 0;
    boost::asio::read(idle, boost::asio::buffer(&byte, 1));
    server.server().drain(std::chrono::seconds(5));
    std::string rest;
    boost::system::error_code ec;
    boost::asio::read(idle, boost::asio::dynamic_buffer(rest), ec);
    EXPECT_EQ(ec, boost::asio::error::eof);
}

TEST(Router, RefusesARouteThatDoesNotSayWhoMayCallIt) {
    Router router("greeting");
    GreetingService service;
    router.get("/v1/greetings/{greeting_id}", &service, &GreetingService::read);
    EXPECT_THROW(router.freeze(), std::logic_error);
}

TEST(Router, RefusesAHandlerThatNeedsAMemberOnARouteForAnyone) {
    Router router("greeting");
    GreetingService service;
    router.remove("/v1/greetings/{greeting_id}", &service, &GreetingService::remove).anyone();
    EXPECT_THROW(router.freeze(), std::logic_error);
}

// [X8]
TEST(Router, DocumentsConstraintsOfBodiesAndQueries) {
    RunningServer server;
    const auto document = server.router().openapi();
    const auto& create = document.at("paths").at("/v1/greetings").at("post");
    EXPECT_EQ(create.at("requestBody").at("content").at("application/json").at("schema").at("$ref"),
              "#/components/schemas/Greeting");
    EXPECT_EQ(document.at("components").at("schemas").at("Greeting").at("properties").at("text").at("maxLength"), 10);
    EXPECT_EQ(
        document.at("paths").at("/v1/greetings").at("get").at("parameters").as_array()[0].at("schema").at("maximum"),
        100);
}

}  // namespace
}  // namespace guildhall::http::testing
