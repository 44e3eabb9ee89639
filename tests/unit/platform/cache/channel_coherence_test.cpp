// Several processes on one memory channel. Each Coherence has its own thread.
#include "platform/cache/channel_coherence.hpp"

#include <chrono>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/cache/local.hpp"
#include "support/coherent_process.hpp"

namespace guildhall::cache {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::CoherentProcess;
using test::Replica;
using test::Truth;
using test::wait_until;
using Now = std::chrono::steady_clock;

class ChannelCoherenceTest : public testing::Test {
protected:
    void join() { ASSERT_TRUE(CoherentProcess::join("shop", a_.process, b_.process)); }
    // How long it takes.
    template <class Action>
    static std::chrono::milliseconds took(Action action) {
        const auto begin = Now::now();
        action();
        return std::chrono::duration_cast<std::chrono::milliseconds>(Now::now() - begin);
    }

    // Options with longer waits than any test takes.
    static ChannelCoherence::Options patient() {
        auto options = test::quick_coherence();
        options.ack_within = options.forget_after = 1min;
        return options;
    }

    const std::unique_ptr<realtime::Channel> channel_ = realtime::make_memory_channel();
    Truth truth_;
    Replica a_{*channel_, truth_};
    Replica b_{*channel_, truth_};
};

TEST_F(ChannelCoherenceTest, AWriteIsReadAtOnceEverywhere) {
    join();
    for (int n = 1; n <= 200; ++n) {
        EXPECT_EQ(b_.read(1), n - 1);
        EXPECT_TRUE(b_.keeps(1));
        a_.write(1, n);
        EXPECT_EQ(a_.read(1), n);
        EXPECT_EQ(b_.read(1), n);
    }
}

TEST_F(ChannelCoherenceTest, NothingIsCachedBeforeMessagesOfTheOthersArrive) {
    EXPECT_FALSE(a_.is_live());
    a_.read(1);
    EXPECT_FALSE(a_.keeps(1));
    join();
    a_.read(1);
    EXPECT_TRUE(a_.keeps(1));
}

TEST_F(ChannelCoherenceTest, WhatWasReadBeforeAChangeIsNotKeptAfterIt) {
    Local<std::int64_t, int> items(10);
    const auto registration = keep_coherent(b_.process.coherence(), "shop.item", items);
    join();
    const auto ticket = items.ticket(1);
    a_.write(1, 1);
    items.put(1, std::make_shared<const int>(0), ticket);
    EXPECT_FALSE(items.find(1));
}

TEST_F(ChannelCoherenceTest, OnlyThoseWhoKeepTheKindAreWaitedFor) {
    Replica other(*channel_, truth_, test::quick_coherence(), "shop.price");
    Replica writer(*channel_, truth_, patient());
    ASSERT_TRUE(CoherentProcess::join("shop", writer.process, b_.process, other.process));
    other.process.kill();
    EXPECT_LT(took([&] { writer.write(1, 1); }), 30s);
}

TEST_F(ChannelCoherenceTest, OtherKindsStay) {
    Replica other(*channel_, truth_, test::quick_coherence(), "shop.price");
    ASSERT_TRUE(CoherentProcess::join("shop", a_.process, b_.process, other.process));
    other.read(1);
    a_.write(1, 1);
    EXPECT_TRUE(other.keeps(1));
}

TEST_F(ChannelCoherenceTest, AKilledProcessIsWaitedForOnceAndThenForgotten) {
    join();
    b_.process.kill();
    const auto first = took([&] { a_.write(1, 1); });
    EXPECT_GE(first, 350ms);
    EXPECT_LT(first, 5s);
    // Each time it would be 8 s.
    EXPECT_LT(took([&] {
                  for (int i = 0; i < 20; ++i) a_.write(1, i);
              }),
              4s);
    EXPECT_TRUE(wait_until([&] { return a_.process.coherence().count_others("shop") == 0; }));
    EXPECT_TRUE(a_.is_live());
}

TEST_F(ChannelCoherenceTest, WhatASilentProcessMayHaveChangedUnannouncedIsDropped) {
    join();
    b_.read(1);
    a_.process.kill();
    truth_.values[1] = 1;  // committed by the killed process, unannounced
    EXPECT_TRUE(wait_until([&] { return b_.read(1) == 1; }));
    EXPECT_TRUE(b_.is_live());
}

TEST_F(ChannelCoherenceTest, AProcessThatLeavesIsNotWaitedForAndCostsNobodyTheirCache) {
    Replica staying(*channel_, truth_, patient());
    ASSERT_TRUE(CoherentProcess::join("shop", staying.process, b_.process));
    staying.read(1);
    b_.process.leave();
    EXPECT_TRUE(wait_until([&] { return staying.process.coherence().count_others("shop") == 0; }));
    EXPECT_LT(took([&] { staying.write(2, 1); }), 30s);
    EXPECT_TRUE(staying.keeps(1));
    EXPECT_FALSE(b_.is_live());
}

TEST_F(ChannelCoherenceTest, AProcessThatComesBackIsWaitedForAgain) {
    join();
    b_.way.is_cut = true;
    a_.write(1, 1);
    b_.way.is_cut = false;
    ASSERT_TRUE(wait_until([&] { return b_.is_live() && b_.read(1) == 1; }));
    const int acks = b_.way.acks;
    a_.write(1, 2);
    ASSERT_TRUE(wait_until([&] { return b_.way.acks > acks; }));
    for (int n = 3; n < 50; ++n) {
        a_.write(1, n);
        EXPECT_EQ(b_.read(1), n);
    }
}

TEST_F(ChannelCoherenceTest, WhoIsCutOffKeepsNothingUntilItIsBackAndThenStartsEmpty) {
    join();
    b_.read(1);
    b_.read(2);
    b_.way.is_cut = true;
    ASSERT_TRUE(wait_until([&] { return !b_.is_live(); }));
    EXPECT_FALSE(b_.keeps(1));
    a_.write(1, 1);
    EXPECT_EQ(b_.read(1), 1);
    EXPECT_FALSE(b_.keeps(1));
    b_.way.is_cut = false;
    ASSERT_TRUE(wait_until([&] { return b_.is_live(); }));
    EXPECT_FALSE(b_.keeps(2));
    EXPECT_EQ(b_.read(1), 1);
    EXPECT_TRUE(b_.keeps(1));
}

TEST_F(ChannelCoherenceTest, WhatWasReadWhileCutOffIsNotPutWhenBack) {
    Local<std::int64_t, int> items(10, [](const int&) -> std::size_t { return 1; }, b_.process.coherence().live());
    const auto registration = keep_coherent(b_.process.coherence(), "shop.item", items);
    join();
    b_.way.is_cut = true;
    ASSERT_TRUE(wait_until([&] { return !b_.is_live(); }));
    const auto ticket = items.ticket(1);
    a_.write(1, 1);  // b does not receive it
    b_.way.is_cut = false;
    ASSERT_TRUE(wait_until([&] { return b_.is_live(); }));
    items.put(1, std::make_shared<const int>(0), ticket);
    EXPECT_FALSE(items.find(1));
}

TEST_F(ChannelCoherenceTest, ALostMessageIsNoticedByTheNextHeartbeat) {
    join();
    b_.read(1);
    b_.read(2);
    a_.way.loses_next_change = true;
    a_.write(1, 1);
    EXPECT_TRUE(wait_until([&] { return b_.read(1) == 1; }));
    EXPECT_TRUE(b_.is_live());
}

TEST_F(ChannelCoherenceTest, ChangesOfAMomentGoTogether) {
    auto options = test::quick_coherence();
    options.pace = 20ms;
    Replica busy(*channel_, truth_, options);
    ASSERT_TRUE(CoherentProcess::join("shop", a_.process, b_.process, busy.process));
    boost::asio::io_context io;
    for (std::int64_t i = 0; i < 1000; ++i)
        boost::asio::co_spawn(io, busy.process.coherence().changed({{"shop.item", {i % 64}}}), boost::asio::detached);
    io.run();
    EXPECT_LE(busy.way.changes, 5);
}

TEST_F(ChannelCoherenceTest, ManyWritersAndReadersNeverSeeWhatIsStale) {
    join();
    const auto reads = test::read_among_writes(a_, b_);
    EXPECT_EQ(reads.stale, 0);
    EXPECT_EQ(reads.all, 80'000);
}

TEST(MemoryCoherence, DropsHereAndWaitsForNobody) {
    const auto coherence = make_memory_coherence();
    Local<std::int64_t, int> items(10, [](const int&) -> std::size_t { return 1; }, coherence->live());
    auto registration = keep_coherent(*coherence, "shop.item", items);
    items.put(1, std::make_shared<const int>(0), items.ticket(1));
    items.put(2, std::make_shared<const int>(0), items.ticket(2));
    EXPECT_FALSE(coherence->announce({{"shop.item", {1}}}));
    EXPECT_FALSE(items.find(1));
    EXPECT_TRUE(items.find(2));
    registration.reset();
    coherence->announce({{"shop.item", {2}}});
    EXPECT_TRUE(items.find(2));
}

}  // namespace
}  // namespace guildhall::cache
