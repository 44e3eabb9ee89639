// The client of Neo4j, on a real one.

#include "support/neo4j.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/describe.hpp>
#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "support/series.hpp"

namespace guildhall::neo4j {
namespace {

using namespace std::chrono_literals;
using Access = Client::Access;

struct Text {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(Text, (), (text))

class Neo4j : public testing::Test {
protected:
    void SetUp() override {
        if (test::neo4j_url() == nullptr)
            GTEST_SKIP() << "no server: tests/engines/up-neo4j starts one, and ./test does";
        connection.emplace(test::neo4j_url());
        label = "Client" + std::to_string(::getpid());
        connection->run("MATCH (n:" + label + ") DELETE n");
    }
    void TearDown() override {
        if (connection) connection->run("MATCH (n:" + label + ") DELETE n");
    }
    Answer run(std::vector<Step> steps, std::chrono::milliseconds deadline = 20s) {
        return test::await(connection->client.run(std::move(steps), Access::write, deadline));
    }

    std::optional<test::Neo4jClient> connection;
    std::string label;
};

TEST_F(Neo4j, TextsArriveAndReturnAsTheyAre) {
    const Query echo("test.echo", "RETURN $text");
    for (const std::string& text :
         {std::string(), std::string("it's \"so\" \\ $text }) DETACH DELETE n //"),
          std::string("Žofie 👩🏽‍🚀\n\t"), std::string("a\0b", 3), std::string(100'000, 'x')})
        EXPECT_EQ(run({bind(echo, Text{text})}).rows<std::string>(0).at(0), text);
}

TEST_F(Neo4j, ARequestIsDoneInAllItsStepsOrInNone) {
    const Query make("test.make", "CREATE (:" + label + ")");
    const Query count("test.count", "MATCH (n:" + label + ") RETURN count(n)");
    const Query fail("test.fail", "RETURN 1 / 0");
    const Answer both = run({{make, "{}"}, {count, "{}"}});
    EXPECT_EQ(both.rows<std::int64_t>(1).at(0), 1);
    EXPECT_ANY_THROW(run({{make, "{}"}, {fail, "{}"}}));
    EXPECT_EQ(run({{count, "{}"}}).rows<std::int64_t>(0).at(0), 1);
}

TEST_F(Neo4j, AWrongStatementIsADefectThatIsNamed) {
    const Query wrong("test.wrong", "MATCH (n RETURN n");
    try {
        run({{wrong, "{}"}});
        FAIL();
    } catch (const std::logic_error& defect) {
        EXPECT_TRUE(std::string(defect.what()).contains("test.wrong")) << defect.what();
        EXPECT_TRUE(std::string(defect.what()).contains("SyntaxError")) << defect.what();
    }
}

TEST_F(Neo4j, WhatTakesTooLongIsUnavailableAndGivenUpByTheEngineToo) {
    const Query slow("test.slow",
                     "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b RETURN sum(a * b) AS " + label);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THROW(run({{slow, "{}"}}, 700ms), Unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    const auto is_over = [&] {
        return connection->number("SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS 'sum(a * b) AS " +
                                  label + "' AND NOT currentQuery CONTAINS 'SHOW' RETURN count(*)") == 0;
    };
    EXPECT_TRUE(test::wait_until(is_over));
}

TEST_F(Neo4j, AWrongPasswordIsUnavailableAndNotLogged) {
    std::string url = test::neo4j_url();
    url.replace(url.find("password"), 8, "mistaken");
    test::Neo4jClient stranger(url);
    try {
        stranger.run("RETURN 1");
        FAIL();
    } catch (const Unavailable& refused) {
        EXPECT_FALSE(std::string(refused.what()).contains("mistaken")) << refused.what();
    }
}

TEST_F(Neo4j, AnUnknownDatabaseIsUnavailable) {
    test::Neo4jClient lost(std::string(test::neo4j_url()) + "/nowhere");
    EXPECT_THROW(lost.run("RETURN 1"), Unavailable);
}

TEST_F(Neo4j, AnAnswerBeyondTheBoundIsUnavailable) {
    http::ClientOptions options;
    options.max_answer_bytes = 10'000;
    http::Client http(options);
    Client client(http, parse_url(test::neo4j_url()));
    const Query many("test.many", "UNWIND range(1, 100000) AS i RETURN i");
    std::vector<Step> steps{{many, "{}"}};
    EXPECT_THROW(test::await(client.run(std::move(steps), Access::read, 20s)), Unavailable);
}

// Each first changes what the other changes last, so the engine aborts one of them. On a busy machine one may fail in
// all its tries, which is reported and leaves nothing.
TEST_F(Neo4j, ADeadlockIsTriedAgain) {
    connection->run("CREATE (:" + label + " {id: 1, changes: 0}), (:" + label + " {id: 2, changes: 0})");
    const std::string change = "MATCH (n:" + label + " {id: $text}) SET n.changes = n.changes + 1";
    constexpr int kRounds = 10;
    const auto answered = [] {
        return test::series("guildhall_client_requests_total{outcome=\"answered\",peer=\"neo4j writes\"}");
    };
    const double answered_before = answered();
    ASSERT_GT(answered_before, 0) << "the series has another name";
    std::atomic<int> asked{0};
    std::atomic<int> done{0};
    const auto end = std::chrono::steady_clock::now() + 2min;
    const auto is_tried_again = [&] { return answered() - answered_before > asked; };
    const auto work = [&](const std::string& first, const std::string& last) {
        test::Neo4jClient own(test::neo4j_url());
        const auto with_id = [&](std::string id) {
            return Query("test.change", std::string(change).replace(change.find("$text"), 5, id));
        };
        const Query changes_first = with_id(first), changes_last = with_id(last);
        // Long, so that both run at the same time even if the engine is warm.
        const Query pause("test.pause", "UNWIND range(1, 200000) AS i WITH sum(i) AS s RETURN s");
        while ((done < 2 * kRounds || !is_tried_again()) && std::chrono::steady_clock::now() < end) {
            std::vector<Step> steps{{changes_first, "{}"}, {pause, "{}"}, {changes_last, "{}"}};
            try {
                ++asked;
                test::await(own.client.run(std::move(steps), Access::write, 60s));
                ++done;
            } catch (const Unavailable&) {
            }
        }
    };
    std::exception_ptr failure;
    std::jthread other([&] {
        try {
            work("2", "1");
        } catch (...) {
            failure = std::current_exception();
        }
    });
    work("1", "2");
    other.join();
    if (failure) std::rethrow_exception(failure);
    EXPECT_GE(done, 2 * kRounds);
    EXPECT_TRUE(is_tried_again()) << asked << " requests";
    EXPECT_EQ(connection->number("MATCH (n:" + label + ") RETURN sum(n.changes)"), 2 * done);
}

}  // namespace
}  // namespace guildhall::neo4j
