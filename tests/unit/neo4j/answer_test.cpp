#include "platform/neo4j/answer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe.hpp>
#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "platform/neo4j/query.hpp"

namespace guildhall::neo4j {
namespace {

struct Point {
    std::int64_t id = 0;
    std::vector<std::int64_t> near;
    std::optional<std::string> name;
};
BOOST_DESCRIBE_STRUCT(Point, (), (id, near, name))

std::string answer(const std::string& rows, const std::string& errors = "[]") {
    return R"({"results":[{"columns":["x"],"data":[]},{"columns":["x"],"data":[)" + rows + R"(]}],"errors":)" + errors +
           R"(,"lastBookmarks":["x"]})";
}

TEST(Neo4jAnswer, GivesTheRowsOfEachStep) {
    const Answer given(answer(R"({"row":[{"id":9223372036854775807,"near":[1,2],"name":null}],"meta":[null]},)"
                              R"({"row":[{"id":2,"near":[],"name":"b"}],"meta":[null]})"));
    EXPECT_TRUE(given.failure().code.empty());
    EXPECT_TRUE(given.rows<Point>(0).empty());
    const auto points = given.rows<Point>(1);
    ASSERT_EQ(points.size(), 2U);
    EXPECT_EQ(points[0].id, INT64_MAX);
    EXPECT_EQ(points[0].near, (std::vector<std::int64_t>{1, 2}));
    EXPECT_FALSE(points[0].name);
    EXPECT_EQ(points[1].name, "b");
}

TEST(Neo4jAnswer, GivesTheFirstError) {
    const Answer given(R"({"results":[],"errors":[{"code":"Neo.X","message":"why"},{"code":"Y","message":"z"}]})");
    EXPECT_EQ(given.failure().code, "Neo.X");
    EXPECT_EQ(given.failure().message, "why");
}

TEST(Neo4jAnswer, WhatHasAnotherFormIsRefused) {
    for (const char* body : {"", "<html>", "[]", "{}", R"({"results":[]})", R"({"errors":{}})", R"({"errors":[1]})"})
        EXPECT_THROW(Answer{body}, Corrupt) << body;
    for (const char* row : {"1", "{}", R"({"row":[]})", R"({"row":[1,2]})", R"({"row":[{"id":"1","near":[]}]})",
                            R"({"row":[{"id":1}]})", R"({"row":[{"id":1,"near":[],"more":1}]})", R"({"row":[null]})"})
        EXPECT_THROW(Answer(answer(row)).rows<Point>(1), Corrupt) << row;
    EXPECT_THROW(Answer(answer("")).rows<Point>(2), Corrupt);
    EXPECT_THROW(Answer(R"({"errors":[]})").rows<Point>(0), Corrupt);
}

TEST(Neo4jQuery, TextAndParametersAreWrittenAsJson) {
    const Query query("test.query", "MATCH (n)\nWHERE n.name = \"x\" RETURN $id");
    EXPECT_EQ(query.json(), R"("MATCH (n)\nWHERE n.name = \"x\" RETURN $id")");
    EXPECT_EQ(bind(query, Point{INT64_MIN, {5}, "\"}"}).parameters,
              R"({"id":-9223372036854775808,"near":[5],"name":"\"}"})");
}

}  // namespace
}  // namespace guildhall::neo4j
