// The graph's snapshot from one start to the next.
#include "services/connection/graph/graph_engine.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/databases.hpp"

namespace guildhall::connection {
namespace {

using testing::ElementsAre;

constexpr UserId kAda{1};
constexpr UserId kBela{2};

class GraphEngineTest : public testing::Test {
protected:
    void SetUp() override { options.folder = folder.path(); }
    void end_with_a_connection(bool is_whole) {
        GraphEngine engine(options);
        loop.run(engine.own()->set_edges({{kAda, kBela}}));
        engine.save(is_whole);
    }
    auto degree(GraphEngine& engine) { return loop.run(engine.graph().degrees({kAda, {}}, {kBela})); }
    bool has_snapshot() const { return std::filesystem::exists(snapshot); }

    const guildhall::test::TemporaryFolder folder;
    const std::filesystem::path snapshot = folder.path() / "graph.snapshot";
    guildhall::test::TestLoop loop;
    GraphEngineOptions options;
};

// [C27]
TEST_F(GraphEngineTest, BeginsWithTheSnapshotOfTheLastEndOnce) {
    end_with_a_connection(true);
    GraphEngine engine(options);
    engine.load();
    EXPECT_THAT(degree(engine), ElementsAre(1));
    EXPECT_FALSE(has_snapshot()) << "after a crash it would be old";
}

// [C27]
TEST_F(GraphEngineTest, WithoutASnapshotOfUseItDoesNotAnswer) {
    std::ofstream(snapshot) << "damaged";
    GraphEngine engine(options);
    engine.load();
    EXPECT_THROW(degree(engine), Unavailable);
    EXPECT_FALSE(has_snapshot());
}

// [C27]
TEST_F(GraphEngineTest, KeepsNothingThatWasNotComparedWithTheTables) {
    end_with_a_connection(false);
    EXPECT_FALSE(has_snapshot());
}

// [C27]
TEST_F(GraphEngineTest, WithNeo4jAnOldSnapshotIsNotKeptForLater) {
    end_with_a_connection(true);
    ASSERT_TRUE(has_snapshot());
    options.url = "http://127.0.0.1:9";
    GraphEngine engine(options);
    engine.load();
    EXPECT_FALSE(has_snapshot());
    engine.stop();
}

}  // namespace
}  // namespace guildhall::connection
