// Two processes of the connection service on one database, and a third of another service that keeps copies: what one
// has answered, all show.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "services/connection/public/network_client.hpp"
#include "support/connection_world.hpp"
#include "support/three_processes.hpp"

namespace guildhall::connection::test {
namespace {

class ConnectionReplicas : public guildhall::test::ThreeProcesses<World, NetworkClient> {
protected:
    std::string service() const override { return "connection"; }
    void make_first(std::optional<World>& place, cache::Coherence& coherence) override {
        place.emplace(GetParam(), &coherence);
    }
    Ids copied(UserId user) { return *b().run(client().connections_of(user)); }
};

INSTANTIATE_TEST_SUITE_P(, ConnectionReplicas, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

TEST_P(ConnectionReplicas, AConnectionIsInTheListsOfTheOthers) {
    const auto people = a().members(3);
    EXPECT_TRUE(b().connections(people[0]).empty());
    EXPECT_TRUE(copied(people[1]).empty());
    a().connect(people[0], people[1]);
    EXPECT_EQ(b().connections(people[0]), Ids{people[1]});
    EXPECT_TRUE(b().are_connected(people[1], people[0]));
    EXPECT_EQ(copied(people[1]), Ids{people[0]});
    EXPECT_EQ(copied(people[0]), Ids{people[1]});
}

TEST_P(ConnectionReplicas, ADisconnectionIsInTheListsOfTheOthers) {
    const auto people = a().members(2);
    a().connect(people[0], people[1]);
    EXPECT_EQ(b().connections(people[0]), Ids{people[1]});
    EXPECT_EQ(copied(people[1]), Ids{people[0]});
    ASSERT_TRUE(b().run(b().service().disconnect(b().as(people[0]), people[1])));
    EXPECT_TRUE(a().connections(people[0]).empty());
    EXPECT_TRUE(b().connections(people[0]).empty());
    EXPECT_TRUE(copied(people[1]).empty());
}

TEST_P(ConnectionReplicas, AnImportIsInTheListsOfTheOthers) {
    const auto people = a().members(3);
    for (const UserId user : people) EXPECT_TRUE(b().connections(user).empty());
    std::vector<ImportedConnection> edges{{people[0], people[1], a().clock.now()},
                                          {people[0], people[2], a().clock.now()}};
    ASSERT_TRUE(a().run(a().service().import_connections(std::move(edges))));
    EXPECT_EQ(b().connections(people[0]).size(), 2);
    EXPECT_EQ(b().connections(people[2]), Ids{people[0]});
}

TEST_P(ConnectionReplicas, WhatABlockEndsIsGoneAtTheOthers) {
    const auto people = a().members(2);
    a().connect(people[0], people[1]);
    EXPECT_EQ(b().connections(people[0]), Ids{people[1]});
    EXPECT_EQ(copied(people[1]), Ids{people[0]});
    a().deliver(user::Blocked{people[0], people[1]});
    // Nobody waits for the effect of an event.
    EXPECT_TRUE(
        guildhall::test::wait_until([&] { return b().connections(people[0]).empty() && copied(people[1]).empty(); }));
}

}  // namespace
}  // namespace guildhall::connection::test
