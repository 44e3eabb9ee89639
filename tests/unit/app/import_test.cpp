#include "app/import/import.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/data_folder_lock.hpp"
#include "platform/sql/sqlite.hpp"
#include "support/await.hpp"

namespace guildhall::app {
namespace {

using ::testing::HasSubstr;

constexpr sql::Statement kOutbox{"test.outbox", "SELECT COUNT(*) FROM outbox"};
constexpr sql::Statement kDeadLetters{"test.dead_letters", "SELECT COUNT(*) FROM dead_letters"};
constexpr sql::Statement kAccounts{"test.accounts", "SELECT COUNT(*) FROM accounts"};
constexpr sql::Statement kSides{"test.sides", "SELECT COUNT(*) FROM connections"};
constexpr sql::Statement kPosts{"test.posts", "SELECT COUNT(*) FROM posts"};
constexpr sql::Statement kComments{"test.comments", "SELECT COUNT(*) FROM comments"};
constexpr sql::Statement kReactions{"test.reactions", "SELECT COUNT(*) FROM reactions"};
constexpr sql::Statement kCounted{"test.counted", R"(
    SELECT CAST(SUM(comment_count) AS bigint),
           CAST(SUM(like_count + celebrate_count + support_count + love_count + insightful_count + funny_count)
                AS bigint) FROM post_counts)"};

/// The demo network in a folder that goes with the test.
class Import : public ::testing::Test {
protected:
    Import() { std::filesystem::create_directories(folder_); }
    ~Import() override { std::filesystem::remove_all(folder_); }

    Config config(const std::string& name) const {
        Config out;
        out.data_dir = folder_ / name;
        return out;
    }
    ImportOptions options(const std::string& name) const {
        const std::filesystem::path demo = "examples/demo";  // tests run at the root of the project
        ImportOptions out;
        out.edges = demo / "edges.txt";
        out.names = demo / "names.txt";
        out.posts = demo / "posts.txt";
        out.manifest = folder_ / (name + ".jsonl");
        return out;
    }

    /// Starts an import in a process of its own.
    static pid_t start(const Config& config, const ImportOptions& options) {
        std::fflush(nullptr);  // what waits to be written would be written by both
        const pid_t child = ::fork();
        if (child != 0) return child;
        int code = 3;
        try {
            code = import_files(config, options);
        } catch (const std::exception& error) {
            std::cerr << error.what() << '\n';
        }
        ::_exit(code);
    }
    /// How the process ended: its exit code, or minus the signal.
    static int end_of(pid_t child) {
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

    std::int64_t number(const std::string& name, const std::string& service, const sql::Statement& statement,
                        std::size_t column = 0) const {
        const auto database = sql::open_sqlite({.file = folder_ / name / (service + ".db")});
        auto rows = test::await(database->read(statement, {}));
        return rows[0].number(column);
    }

    /// The manifest without what differs from run to run, each line with how often it is there.
    std::map<std::string, int> facts(const std::string& name) const {
        std::map<std::string, int> out;
        std::ifstream in(folder_ / (name + ".jsonl"));
        for (std::string line; std::getline(in, line);) {
            auto fact = boost::json::parse(line).as_object();
            for (const char* id : {"user_id", "a_user_id", "b_user_id", "comment_id", "parent_id"}) fact.erase(id);
            ++out[boost::json::serialize(fact)];
        }
        return out;
    }

    void expect_whole(const std::string& name, std::int64_t posts, std::int64_t comments,
                      std::int64_t reactions) const {
        EXPECT_EQ(number(name, "user", kAccounts), 60);
        EXPECT_EQ(number(name, "connection", kSides), 2 * 229);
        EXPECT_EQ(number(name, "post", kPosts), posts);
        EXPECT_EQ(number(name, "post", kComments), comments);
        EXPECT_EQ(number(name, "post", kReactions), reactions);
        EXPECT_EQ(number(name, "post", kCounted, 0), comments);
        EXPECT_EQ(number(name, "post", kCounted, 1), reactions);
        for (const char* service : {"user", "connection", "post"}) {
            EXPECT_EQ(number(name, service, kOutbox), 0) << service;
            EXPECT_EQ(number(name, service, kDeadLetters), 0) << service;
        }
    }

    const std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("import-" + std::to_string(::getpid()));
};

TEST_F(Import, KilledAfterAnyStageAndRunAgainItGivesTheSameWithoutDoubles) {
    const std::vector<std::string> stages{"members", "connections", "posts", "comments", "replies", "reactions"};
    ASSERT_EQ(end_of(start(config("whole"), options("whole"))), 0);
    for (const std::string& stage : stages) {
        ImportOptions killed = options(stage);
        killed.after_batch = [stage](std::string_view done) {
            if (done == stage) ::kill(::getpid(), SIGKILL);
        };
        ASSERT_EQ(end_of(start(config(stage), killed)), -SIGKILL);
        EXPECT_FALSE(std::filesystem::exists(killed.manifest));
    }
    std::map<std::string, pid_t> again;
    for (const std::string& stage : stages) again[stage] = start(config(stage), options(stage));
    for (const std::string& stage : stages) EXPECT_EQ(end_of(again[stage]), 0) << stage;

    const auto whole = facts("whole");
    EXPECT_EQ(whole.size(), 835U);
    for (const std::string& stage : stages) {
        SCOPED_TRACE(stage);
        EXPECT_EQ(facts(stage), whole);
        expect_whole(stage, 150, 79, 317);
        EXPECT_FALSE(std::filesystem::exists(folder_ / stage / "import-password"));
    }
}

TEST_F(Import, RunAgainItAddsNothingAndWithMorePostsOnlyThose) {
    ASSERT_EQ(import_files(config("data"), options("first")), 0);
    ASSERT_EQ(import_files(config("data"), options("second")), 0);
    EXPECT_EQ(facts("first"), facts("second"));
    expect_whole("data", 150, 79, 317);

    ImportOptions more = options("more");
    more.post_count = 400;
    ASSERT_EQ(import_files(config("data"), more), 0);
    EXPECT_EQ(number("data", "post", kPosts), 400);
    const auto all = facts("more");
    for (const auto& [fact, count] : facts("first")) EXPECT_EQ(all.count(fact), 1U) << fact;
}

TEST_F(Import, AFileThatCannotBeTakenLeavesNothingBehind) {
    ImportOptions bad = options("bad");
    bad.posts = folder_ / "posts.txt";
    std::ofstream(bad.posts) << "fine\n\xC3\x28\n";
    try {
        import_files(config("data"), bad);
        FAIL() << "imported";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("posts.txt:2: the text must be valid UTF-8"));
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ / "data"));
    EXPECT_FALSE(std::filesystem::exists(bad.manifest));
}

TEST_F(Import, ADataFolderThatAServerHoldsIsRefused) {
    const DataFolderLock server(folder_ / "data");
    try {
        import_files(config("data"), options("data"));
        FAIL() << "imported";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("is in use by another guildhall process"));
    }
    EXPECT_FALSE(std::filesystem::exists(folder_ / "data" / "user.db"));
}

TEST_F(Import, TheLockOfADataFolderGoesWithItsHolder) {
    {
        const DataFolderLock first(folder_ / "data");
    }
    EXPECT_NO_THROW(DataFolderLock(folder_ / "data"));
}

TEST_F(Import, TokensAreOneForEachMemberAndTheirOwnersAlone) {
    ImportOptions with_tokens = options("data");
    with_tokens.tokens = folder_ / "tokens";
    with_tokens.password = "demo password";
    ASSERT_EQ(import_files(config("data"), with_tokens), 0);
    std::ifstream in(with_tokens.tokens);
    std::size_t lines = 0;
    for (std::string line; std::getline(in, line); ++lines) EXPECT_EQ(std::ranges::count(line, '\t'), 2) << line;
    EXPECT_EQ(lines, 60U);
    EXPECT_EQ(std::filesystem::status(with_tokens.tokens).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace
}  // namespace guildhall::app
