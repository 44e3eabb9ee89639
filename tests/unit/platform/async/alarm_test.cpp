#include "platform/async/alarm.hpp"

#include <chrono>
#include <exception>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "support/await.hpp"

namespace guildhall {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(AlarmTest, ASleepEndsByItself) {
    Alarm alarm;
    test::await(alarm.sleep(milliseconds(1)));
}

TEST(AlarmTest, ARingBeforeTheSleepIsNotLost) {
    Alarm alarm;
    alarm.ring();
    test::await(alarm.sleep(hours(1)));
}

TEST(AlarmTest, ARingEndsASleep) {
    Alarm alarm;
    bool is_over = false;
    boost::asio::io_context io;
    boost::asio::co_spawn(io, alarm.sleep(hours(1)), [&](const std::exception_ptr&) { is_over = true; });
    io.poll();
    EXPECT_FALSE(is_over);
    alarm.ring();
    io.run();
    EXPECT_TRUE(is_over);
}

TEST(AlarmTest, ARingEndsOneSleep) {
    Alarm alarm;
    alarm.ring();
    test::await(alarm.sleep(hours(1)));
    bool is_over = false;
    boost::asio::io_context io;
    boost::asio::co_spawn(io, alarm.sleep(hours(1)), [&](const std::exception_ptr&) { is_over = true; });
    io.poll();
    EXPECT_FALSE(is_over);
}

TEST(AlarmTest, ASleepThatIsGivenUpIsForgotten) {
    Alarm alarm;
    {
        boost::asio::io_context io;
        boost::asio::co_spawn(io, alarm.sleep(hours(1)), [](const std::exception_ptr&) {});
        io.poll();
    }
    alarm.ring();
    test::await(alarm.sleep(hours(1)));
}

}  // namespace
}  // namespace guildhall
