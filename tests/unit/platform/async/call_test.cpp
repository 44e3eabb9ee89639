#include "platform/async/call.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "platform/async/gate.hpp"
#include "platform/async/pool.hpp"
#include "platform/async/task_group.hpp"
#include "support/await.hpp"

namespace guildhall {
namespace {

using test::await;

CallPointer call_named(std::string id) {
    return std::make_shared<const Call>(Call{std::move(id), "", Call::Deadline::max()});
}

Task<std::string> name_of_call() {
    const CallPointer call = co_await current_call();
    co_return call ? call->request_id : "none";
}

TEST(Call, IsNoneOutside) { EXPECT_EQ(await(name_of_call()), "none"); }

TEST(Call, ReachesAllThatIsAwaited) {
    auto deeper = []() -> Task<std::string> {
        Task<std::string> deepest = name_of_call();
        co_return co_await std::move(deepest);
    };
    EXPECT_EQ(await(run_for(call_named("one"), deeper())), "one");
}

TEST(Call, IsStillThereAfterTimersGatesAndPools) {
    Pool pool("call-test", 1, 4);
    Gate gate;
    auto work = [&]() -> Task<std::string> {
        co_await sleep_for(std::chrono::milliseconds(1));
        const auto pass = co_await gate.enter();
        auto quick = [] { return 1; };
        co_await run_on(pool, quick);
        co_return co_await name_of_call();
    };
    EXPECT_EQ(await(run_for(call_named("one"), work())), "one");
}

TEST(Call, AnInnerCallHidesTheOuterAndEnds) {
    auto work = []() -> Task<std::string> {
        Task<std::string> inner = run_for(call_named("inner"), name_of_call());
        const std::string first = co_await std::move(inner);
        const std::string second = co_await name_of_call();
        co_return first + " " + second;
    };
    EXPECT_EQ(await(run_for(call_named("outer"), work())), "inner outer");
}

TEST(Call, DoesNotReachWhatRunsBeside) {
    std::string seen;
    auto first = []() -> Task<void> {
        Task<std::string> slow = run_for(call_named("one"), [](auto task) -> Task<std::string> {
            co_await sleep_for(std::chrono::milliseconds(5));
            co_return co_await std::move(task);
        }(name_of_call()));
        EXPECT_EQ(co_await std::move(slow), "one");
    };
    auto second = [&]() -> Task<void> {
        co_await sleep_for(std::chrono::milliseconds(2));
        seen = co_await name_of_call();
    };
    boost::asio::io_context io(1);
    boost::asio::co_spawn(io, first, [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
    boost::asio::co_spawn(io, second, [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
    io.run();
    EXPECT_EQ(seen, "none");
}

TEST(Call, ExceptionsComeThrough) {
    auto work = []() -> Task<int> {
        co_await sleep_for(std::chrono::milliseconds(1));
        throw std::runtime_error("broken");
    };
    EXPECT_THROW(await(run_for(call_named("one"), work())), std::runtime_error);
}

}  // namespace
}  // namespace guildhall
