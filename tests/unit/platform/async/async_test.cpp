#include <future>
#include <latch>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "platform/async/ask_all.hpp"
#include "platform/async/backoff.hpp"
#include "platform/async/gate.hpp"
#include "platform/async/pool.hpp"
#include "platform/async/task_group.hpp"
#include "support/await.hpp"

namespace guildhall {
namespace {

using std::chrono::milliseconds;
using test::await;
using test::wait_until;

TEST(Pool, RunsWorkOnItsThreadsAndResumesTheCallerOnItsOwn) {
    Pool pool("test", 2, 10);
    auto body = [&]() -> Task<void> {
        const auto mine = std::this_thread::get_id();
        const auto other = co_await run_on(pool, [] { return std::this_thread::get_id(); });
        EXPECT_NE(mine, other);
        EXPECT_EQ(mine, std::this_thread::get_id());
    };
    await(body());
    EXPECT_TRUE(wait_until([&] { return pool.load() == 0; }));
}

TEST(Pool, HandsExceptionsToTheCaller) {
    Pool pool("test", 1, 10);
    auto work = []() -> int { throw std::runtime_error("from the work"); };
    EXPECT_THROW(await(run_on(pool, work)), std::runtime_error);
}

TEST(Pool, RefusesAtOnceWhatPassesItsBound) {
    Pool pool("test", 1, 2);
    std::promise<void> release;
    auto released = release.get_future().share();
    boost::asio::io_context io;
    std::atomic<int> done{0};
    auto job = [&]() -> Task<void> {
        auto work = [released] { released.wait(); };
        co_await run_on(pool, work);
        ++done;
    };
    for (int i = 0; i < 3; ++i) boost::asio::co_spawn(io, job(), boost::asio::detached);
    std::jthread thread([&] { io.run(); });
    ASSERT_TRUE(wait_until([&] { return pool.load() == 3; }));
    EXPECT_THROW(await(run_on(pool, [] {})), Unavailable);
    EXPECT_EQ(pool.load(), 3U);
    release.set_value();
    EXPECT_TRUE(wait_until([&] { return done == 3; }));
    EXPECT_NO_THROW(await(run_on(pool, [] {})));
}

TEST(Backoff, GrowsToItsLimitWithJitter) {
    Backoff backoff(milliseconds(10), milliseconds(100));
    milliseconds limit(10);
    for (int i = 0; i < 50; ++i) {
        const auto wait = backoff.next();
        EXPECT_GE(wait.count(), 1);
        EXPECT_LE(wait, limit);
        limit = std::min(limit * 2, milliseconds(100));
    }
    backoff.reset();
    EXPECT_LE(backoff.next(), milliseconds(10));
}

TEST(TaskGroup, WaitsForItsTasksAndLogsFailuresUnderTheirName) {
    std::ostringstream log;
    const auto before = spdlog::default_logger();
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("", sink));
    boost::asio::io_context io;
    TaskGroup group;
    auto failing = []() -> Task<void> {
        co_await sleep_for(milliseconds(1));
        throw std::runtime_error("the reason");
    };
    auto loop = [&group]() -> Task<void> {
        while (!group.stopping()) co_await sleep_for(milliseconds(1));
    };
    group.spawn(io.get_executor(), "sweeper", failing());
    group.spawn(io.get_executor(), "loop", loop());
    std::jthread thread([&] { io.run(); });
    EXPECT_TRUE(wait_until([&] { return group.wait(milliseconds(0)) == 1; }));
    EXPECT_EQ(group.wait(milliseconds(5)), 1U);
    group.stop();
    EXPECT_EQ(group.wait(std::chrono::seconds(10)), 0U);
    thread.join();
    spdlog::set_default_logger(before);
    EXPECT_THAT(log.str(), testing::HasSubstr("task sweeper failed: the reason"));
}

TEST(TaskGroup, DoesNotCountATaskWhoseExecutorIsGone) {
    TaskGroup group;
    {
        boost::asio::io_context io;
        group.spawn(io.get_executor(), "sleeper", sleep_for(std::chrono::hours(1)));
        io.poll();
        EXPECT_EQ(group.wait(milliseconds(0)), 1U);
    }
    EXPECT_EQ(group.wait(milliseconds(0)), 0U);
}

class AskAll : public testing::Test {
protected:
    using Clock = std::chrono::steady_clock;
    static constexpr auto kLong = std::chrono::minutes(1);

    static Task<bool> say(bool answer) { co_return answer; }
    static Task<bool> say_after(milliseconds pause, bool answer) {
        co_await sleep_for(pause);
        co_return answer;
    }
    static Task<bool> fail() {
        co_await sleep_for(milliseconds(1));
        throw std::logic_error("no answer");
    }
    // Questions that are open at the end are abandoned.
    std::vector<bool> ask(std::vector<Question> questions, std::size_t enough, milliseconds limit) {
        std::optional<std::vector<bool>> answers;
        auto keep = [&]() -> Task<void> { answers = co_await ask_all(group_, std::move(questions), enough, limit); };
        boost::asio::co_spawn(io_, keep(), boost::asio::detached);
        io_.restart();
        while (!answers && io_.run_one() > 0) {
        }
        return answers.value();
    }
    template <class... Answers>
    static std::vector<Question> questions(Answers... answers) {
        std::vector<Question> all;
        (all.push_back({"question", std::move(answers)}), ...);
        return all;
    }

    TaskGroup group_;
    boost::asio::io_context io_;
    const Clock::time_point start_ = Clock::now();
};

TEST_F(AskAll, GivesTheAnswersInOrderOfTheQuestionsOnceAllHaveCome) {
    EXPECT_THAT(ask(questions(say_after(milliseconds(5), true), say(false), say(true)), 3, kLong),
                testing::ElementsAre(true, false, true));
    EXPECT_LT(Clock::now() - start_, kLong);
    EXPECT_THAT(ask({}, 0, kLong), testing::IsEmpty());
}

TEST_F(AskAll, EndsWithAsManyYesAsAreEnough) {
    EXPECT_THAT(ask(questions(say_after(kLong, true), say(false), say_after(milliseconds(5), true)), 1, kLong),
                testing::ElementsAre(false, false, true));
    EXPECT_LT(Clock::now() - start_, kLong);
    EXPECT_EQ(group_.wait(milliseconds(0)), 1U);
}

TEST_F(AskAll, WhatFailsIsANoThatNobodyWaitsFor) {
    EXPECT_THAT(ask(questions(fail(), say(true)), 2, kLong), testing::ElementsAre(false, true));
    EXPECT_THAT(ask(questions(fail(), fail()), 1, kLong), testing::ElementsAre(false, false));
    EXPECT_LT(Clock::now() - start_, kLong);
    EXPECT_EQ(group_.wait(milliseconds(0)), 0U);
}

TEST_F(AskAll, WhatHasNotComeByTheLimitIsANo) {
    EXPECT_THAT(ask(questions(say_after(kLong, true), say(true)), 2, milliseconds(5)),
                testing::ElementsAre(false, true));
    EXPECT_LT(Clock::now() - start_, kLong);
}

TEST(Gate, LetsOneThroughAtATimeInOrderOverThreads) {
    Gate gate;
    std::atomic<int> inside{0};
    std::atomic<int> done{0};
    std::vector<int> order;  // guarded by the gate
    auto visitor = [&](int number) -> Task<void> {
        const Gate::Pass pass = co_await gate.enter();
        EXPECT_EQ(++inside, 1);
        order.push_back(number);
        co_await sleep_for(milliseconds(number == 0 ? 20 : 0));
        --inside;
        ++done;
    };
    boost::asio::io_context first;
    boost::asio::io_context second;
    boost::asio::co_spawn(first, visitor(0), boost::asio::detached);
    first.poll();  // is inside from now on
    for (int i = 1; i < 100; ++i) boost::asio::co_spawn(i % 2 == 0 ? first : second, visitor(i), boost::asio::detached);
    {
        std::jthread one([&] { first.run(); });
        std::jthread two([&] { second.run(); });
    }
    EXPECT_EQ(done, 100);
    ASSERT_EQ(order.size(), 100U);
    EXPECT_EQ(order.front(), 0);
    std::vector<int> even;
    std::ranges::copy_if(order, std::back_inserter(even), [](int n) { return n % 2 == 0; });
    EXPECT_TRUE(std::ranges::is_sorted(even));
}

}  // namespace
}  // namespace guildhall
