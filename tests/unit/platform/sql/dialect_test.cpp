#include "platform/sql/dialect.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace guildhall::sql::dialect {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SqlDialect, SqliteParametersAreNumbered) {
    EXPECT_EQ(to_sqlite("UPDATE t SET a = $12 WHERE b = $1"), "UPDATE t SET a = ?12 WHERE b = ?1");
    EXPECT_EQ(to_sqlite("SELECT '$1', \"$2\" -- $3\n, $4 /* $5 */"), "SELECT '$1', \"$2\" -- $3\n, ?4 /* $5 */");
    EXPECT_EQ(to_sqlite("SELECT 'it''s $1' || $1"), "SELECT 'it''s $1' || ?1");
}

TEST(SqlDialect, ListsOfIdsAreRewritten) {
    EXPECT_EQ(to_sqlite("a IN ($2:ids)"), "a IN (SELECT value FROM json_each(?2))");
    EXPECT_EQ(to_sqlite("a NOT IN ( $10:ids )"), "a NOT IN (SELECT value FROM json_each(?10))");
    EXPECT_EQ(to_postgres("a IN ($2:ids) AND b = $1"), "a = ANY($2::bigint[]) AND b = $1");
    EXPECT_EQ(to_postgres("a not  in\n($2:ids)"), "a <> ALL($2::bigint[])");
    EXPECT_EQ(to_postgres("a IN ($1, $2)"), "a IN ($1, $2)");
    EXPECT_THROW(to_postgres("f($1:ids)"), std::invalid_argument);
    EXPECT_THROW(to_postgres("margin ($1:ids)"), std::invalid_argument);
    EXPECT_THROW(to_sqlite("a IN ($1:ids, 2)"), std::invalid_argument);
}

TEST(SqlDialect, ScriptsAreSplitOutsideStringsAndComments) {
    EXPECT_THAT(split_script("A 'x;y'; B \"p;q\" -- c;d\n; /* e;f */ ;;\n"),
                ElementsAre("A 'x;y'", " B \"p;q\" -- c;d\n"));
    EXPECT_THAT(split_script(" -- nothing"), IsEmpty());
    EXPECT_THAT(split_script("A"), ElementsAre("A"));
}

TEST(SqlDialect, TablesOfNumbersAreMadeWithoutRowid) {
    EXPECT_EQ(without_rowid("CREATE TABLE t(a bigint PRIMARY KEY)"),
              "CREATE TABLE t(a bigint PRIMARY KEY) WITHOUT ROWID");
    EXPECT_EQ(without_rowid("-- x\n create table if not exists t(a bigint, b bigint, PRIMARY KEY (a, b)) -- (y)\n"),
              "-- x\n create table if not exists t(a bigint, b bigint, PRIMARY KEY (a, b)) WITHOUT ROWID -- (y)\n");
    EXPECT_EQ(without_rowid("CREATE TABLE t(tag text, id bigint CHECK (id IN (1, 2)), PRIMARY KEY (tag, id))"),
              "CREATE TABLE t(tag text, id bigint CHECK (id IN (1, 2)), PRIMARY KEY (tag, id)) WITHOUT ROWID");
    EXPECT_EQ(without_rowid("CREATE TABLE t(name text PRIMARY KEY, id bigint)"),
              "CREATE TABLE t(name text PRIMARY KEY, id bigint) WITHOUT ROWID");
}

TEST(SqlDialect, OtherStatementsAndTablesWithTextsAreLeft) {
    for (const std::string text :
         {"CREATE TABLE t(a bigint PRIMARY KEY, b text NOT NULL)", "CREATE TABLE t(b text, a bigint PRIMARY KEY)",
          "CREATE TABLE t(a bigint, \"b\" TEXT, PRIMARY KEY(a))", "CREATE INDEX i ON t(a)",
          "CREATE VIRTUAL TABLE f USING fts5(a)", "CREATE TABLE t(a bigint PRIMARY KEY) STRICT",
          "INSERT INTO t VALUES('CREATE TABLE t(a)')", ""}) {
        EXPECT_EQ(without_rowid(text), text);
    }
}

}  // namespace
}  // namespace guildhall::sql::dialect
