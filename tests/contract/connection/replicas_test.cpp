// Two processes of the connection service on one database, and a third of another service that keeps copies: what one has answered, all show.
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "services/connection/public/network_client.hpp"
#include "support/coherent_process.hpp"
#include "support/connection_world.hpp"
#include "support/remote_service.hpp"

namespace guildhall::connection::test {
namespace {

using guildhall::test::CoherentProcess;

class ConnectionReplicas : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        const std::string missing = guildhall::test::TestDatabase::missing(GetParam());
        if (!missing.empty()) GTEST_SKIP() << missing;
        a_.emplace(GetParam(), &process_a_.coherence());
        b_.emplace(*a_, process_b_.coherence());
        remote_.emplace("connection", [this](http::Router& router, const http::InternalTokens& tokens) {
            b_->module->add_internal_routes(router, tokens);
        });
        client_.emplace(remote_->client(), process_c_.coherence());
        ASSERT_TRUE(CoherentProcess::join("connection", process_a_, process_b_, process_c_));
    }
    World& a() { return *a_; }
    World& b() { return *b_; }
    Ids copied(UserId user) { return *b().run(client_->connections_of(user)); }

    const std::unique_ptr<realtime::Channel> channel_ = realtime::make_memory_channel();
    CoherentProcess process_a_{*channel_};
    CoherentProcess process_b_{*channel_};
    CoherentProcess process_c_{*channel_};
    std::optional<World> a_;
    std::optional<World> b_;
    std::optional<guildhall::test::RemoteService> remote_;
    std::optional<NetworkClient> client_;
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
