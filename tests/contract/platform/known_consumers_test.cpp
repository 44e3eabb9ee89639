#include "platform/outbox/known_consumers.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/base/result.hpp"
#include "platform/bus/bus.hpp"
#include "support/await.hpp"
#include "support/outbox_world.hpp"

namespace guildhall::outbox {
namespace {

using namespace std::chrono_literals;
using test::await;
using testing::ElementsAre;
using testing::IsEmpty;

// A bus that records the removed consumers.
class RemovingBus final : public bus::Bus {
public:
    void subscribe(bus::Subscription /*unused*/) override {}
    Task<void> publish(std::vector<bus::Envelope> /*unused*/) override { co_return; }
    Task<void> remove_consumer(std::string consumer) override {
        if (is_unavailable) throw Unavailable("the bus is unavailable");
        removed.push_back(std::move(consumer));
        co_return;
    }
    bool is_unavailable = false;
    std::vector<std::string> removed;
};

class KnownConsumersContract : public testing::TestWithParam<const char*>, protected test::OutboxWorld {
protected:
    void SetUp() override {
        if (const auto missing = test::TestDatabase::missing(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
        open(GetParam());
    }
    // A new process of the service.
    KnownConsumers started(std::set<std::string> names) { return {*database_, bus_, clock_, std::move(names)}; }
    void run_once(std::set<std::string> names) {
        auto process = started(std::move(names));
        await(process.refresh());
    }

    RemovingBus bus_;
};

TEST_P(KnownConsumersContract, RemovesAConsumerThatNoProcessHasHadForTheGrace) {
    run_once({"a", "b", "c"});
    clock_.advance(KnownConsumers::kGrace);
    run_once({"a"});
    EXPECT_THAT(bus_.removed, IsEmpty());
    clock_.advance(KnownConsumers::kInterval);
    run_once({"a"});
    EXPECT_THAT(bus_.removed, ElementsAre("b", "c"));
}

TEST_P(KnownConsumersContract, RemovesItWhileTheProcessRunsAndOnce) {
    run_once({"a", "b"});
    auto process = started({"a"});
    for (auto time = 0min; time <= KnownConsumers::kGrace; time += KnownConsumers::kInterval) {
        await(process.refresh());
        EXPECT_THAT(bus_.removed, IsEmpty());
        clock_.advance(KnownConsumers::kInterval);
    }
    for (int i = 0; i < 3; ++i) {
        await(process.refresh());
        EXPECT_THAT(bus_.removed, ElementsAre("b"));
        clock_.advance(KnownConsumers::kInterval);
    }
}

TEST_P(KnownConsumersContract, RemovesItAgainAtTheNextStart) {
    run_once({"a", "b"});
    clock_.advance(2 * KnownConsumers::kGrace);
    run_once({"a"});
    run_once({"a"});
    EXPECT_THAT(bus_.removed, ElementsAre("b", "b"));
}

TEST_P(KnownConsumersContract, KeepsWhatAnotherProcessStillHas) {
    auto older = started({"a", "b"});
    auto newer = started({"a"});
    for (auto time = 0min; time <= 2 * KnownConsumers::kGrace; time += KnownConsumers::kInterval) {
        await(older.refresh());
        await(newer.refresh());
        clock_.advance(KnownConsumers::kInterval);
    }
    EXPECT_THAT(bus_.removed, IsEmpty());
}

TEST_P(KnownConsumersContract, KeepsItsOwnAfterALongStop) {
    run_once({"a", "b"});
    clock_.advance(100 * KnownConsumers::kGrace);
    run_once({"a", "b"});
    EXPECT_THAT(bus_.removed, IsEmpty());
}

TEST_P(KnownConsumersContract, AConsumerThatComesBackIsNotRemovedAnyMore) {
    run_once({"a", "b"});
    clock_.advance(2 * KnownConsumers::kGrace);
    run_once({"a"});
    run_once({"a", "b"});
    run_once({"a"});
    EXPECT_THAT(bus_.removed, ElementsAre("b"));
}

TEST_P(KnownConsumersContract, TriesAgainWhenTheBusWasUnavailable) {
    run_once({"a", "b"});
    clock_.advance(2 * KnownConsumers::kGrace);
    auto process = started({"a"});
    bus_.is_unavailable = true;
    EXPECT_THROW(await(process.refresh()), Unavailable);
    bus_.is_unavailable = false;
    await(process.refresh());
    EXPECT_THAT(bus_.removed, IsEmpty());  // not immediately
    clock_.advance(KnownConsumers::kInterval);
    await(process.refresh());
    EXPECT_THAT(bus_.removed, ElementsAre("b"));
}

INSTANTIATE_TEST_SUITE_P(, KnownConsumersContract, testing::Values("sqlite", "postgres"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace guildhall::outbox
