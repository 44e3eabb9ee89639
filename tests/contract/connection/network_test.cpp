// The Network, as a direct call and over HTTP: who asks cannot tell them apart.

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/connection/public/network_client.hpp"
#include "support/both_ways.hpp"
#include "support/connection_world.hpp"

namespace guildhall::connection::test {
namespace {

class NetworkContract : public guildhall::test::BothWays<World> {
protected:
    NetworkContract() : BothWays("connection") {}
    void ask_over_http() override {
        NetworkClient::Options options;
        options.now = [this] { return now; };
        client.emplace(remote->client(), world->coherence, options);
    }

    Network& network() { return client ? *client : world->network(); }
    Degrees& known_degrees() { return client ? static_cast<Degrees&>(*client) : world->degrees(); }
    bool are_connected(UserId a, UserId b) { return world->run(network().are_connected(a, b)); }
    Ids connections(UserId user) { return *world->run(network().connections_of(user)); }
    void connect(UserId a, UserId b) { world->connect(a, b); }
    void disconnect(UserId a, UserId b) { ASSERT_TRUE(world->run(world->service().disconnect(world->as(a), b))); }

    std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
    std::optional<NetworkClient> client;
};

INSTANTIATE_TEST_SUITE_P(, NetworkContract, guildhall::test::both_ways(),
                         [](const auto& info) { return guildhall::test::name_of_pair(info); });

TEST_P(NetworkContract, ConnectionsComeInOrder) {
    const auto people = world->members(5);
    for (const std::size_t i : {4, 1, 3, 2}) connect(people[i], people[0]);
    Ids expected(people.begin() + 1, people.end());
    std::ranges::sort(expected);
    EXPECT_EQ(connections(people[0]), expected);
    EXPECT_EQ(connections(people[1]), Ids{people[0]});
}

TEST_P(NetworkContract, NobodyHasNoConnections) {
    EXPECT_TRUE(connections(world->member()).empty());
    EXPECT_TRUE(connections(UserId{999}).empty());
    EXPECT_TRUE(connections(UserId{}).empty());
}

TEST_P(NetworkContract, AConnectionHoldsBothWays) {
    const auto people = world->members(3);
    connect(people[0], people[1]);
    EXPECT_TRUE(are_connected(people[0], people[1]));
    EXPECT_TRUE(are_connected(people[1], people[0]));
    EXPECT_FALSE(are_connected(people[0], people[2]));
    EXPECT_FALSE(are_connected(people[2], people[0]));
    EXPECT_FALSE(are_connected(people[0], people[0]));
}

TEST_P(NetworkContract, AChangeIsSeenByBoth) {
    const auto people = world->members(2);
    EXPECT_FALSE(are_connected(people[0], people[1]));
    connect(people[0], people[1]);
    EXPECT_TRUE(are_connected(people[0], people[1]));
    EXPECT_EQ(connections(people[1]), Ids{people[0]});
    disconnect(people[0], people[1]);
    EXPECT_FALSE(are_connected(people[0], people[1]));
    EXPECT_TRUE(connections(people[1]).empty());
}

// [C9]
TEST_P(NetworkContract, WhomAMemberFollowsIsTheConnectionsUntilOneIsUnfollowedOrSomebodyElseFollowed) {
    const auto people = world->members(4);
    const UserId me = people[0];
    connect(me, people[1]);
    connect(me, people[2]);
    const auto circle = [&] { return world->run(network().circle_of(me)); };
    EXPECT_EQ(circle().followed, circle().connections);
    ASSERT_TRUE(world->run(world->module->follows().follow(world->as(me), people[3])));
    ASSERT_TRUE(world->run(world->module->follows().unfollow(world->as(me), people[1])));
    Ids expected{people[2], people[3]};
    std::ranges::sort(expected);
    EXPECT_EQ(*circle().followed, expected);
    EXPECT_EQ(circle().connections->size(), 2U);
    EXPECT_EQ(*world->run(network().circle_of(people[3])).followed, Ids{});
}

// [C11]
TEST_P(NetworkContract, DegreesAreThoseOfTheGraphAndConnectionsThoseOfTheTables) {
    const auto people = world->members(5);
    for (std::size_t i = 1; i < people.size(); ++i) connect(people[i - 1], people[i]);
    const auto degrees = [&] { return world->run(known_degrees().degrees(people[0], people)); };
    using testing::ElementsAre;
    EXPECT_THAT(degrees(), ElementsAre(0, 1, std::nullopt, std::nullopt, std::nullopt)) << "no graph answers yet";
    world->run(world->module->graph_keeper().maintain());
    EXPECT_THAT(degrees(), ElementsAre(0, 1, 2, 3, std::nullopt));
    world->block(people[2], people[0]);
    EXPECT_THAT(degrees(), ElementsAre(0, 1, std::nullopt, std::nullopt, std::nullopt));
    disconnect(people[0], people[1]);
    EXPECT_THAT(degrees(), ElementsAre(0, std::nullopt, std::nullopt, std::nullopt, std::nullopt))
        << "the graph does not know yet";
}

TEST_P(NetworkContract, AListIsGivenFromMemoryWhenWarm) {
    const auto people = world->members(2);
    connect(people[0], people[1]);
    EXPECT_EQ(network().cached_connections_of(people[0]), nullptr);
    connections(people[0]);
    const auto warm = network().cached_connections_of(people[0]);
    ASSERT_TRUE(warm);
    EXPECT_EQ(*warm, Ids{people[1]});
    const int before = world->database.reads;
    connections(people[0]);
    are_connected(people[1], people[0]);
    EXPECT_EQ(world->database.reads, before);
}

/// Only of a copy in another process: it may be outdated, and its service may be unavailable.
class RemoteNetwork : public NetworkContract {};

INSTANTIATE_TEST_SUITE_P(, RemoteNetwork,
                         testing::Combine(testing::Values("sqlite", "postgres"), testing::Values("http")),
                         [](const auto& info) { return guildhall::test::name_of_pair(info); });

TEST_P(RemoteNetwork, AListIsReadAnewAfterItsTime) {
    const auto people = world->members(2);
    connections(people[0]);
    now += NetworkClient::Options{}.ttl;
    EXPECT_EQ(network().cached_connections_of(people[0]), nullptr);
}

TEST_P(RemoteNetwork, WhatAReplicaSaidInThePlaceOfThePrimaryIsNotKept) {
    const auto people = world->members(2);
    connect(people[0], people[1]);
    world->database.may_be_stale = true;
    EXPECT_EQ(connections(people[0]), Ids{people[1]});
    EXPECT_EQ(network().cached_connections_of(people[0]), nullptr);
    world->database.may_be_stale = false;
    connections(people[0]);
    EXPECT_NE(network().cached_connections_of(people[0]), nullptr);
}

TEST_P(RemoteNetwork, IsUnavailableWhenTheServiceIsAway) {
    const auto people = world->members(2);
    connect(people[0], people[1]);
    connections(people[0]);
    remote->stop_server();
    EXPECT_TRUE(are_connected(people[0], people[1]));  // known here
    EXPECT_THROW(connections(people[1]), Unavailable);
}

}  // namespace
}  // namespace guildhall::connection::test
