#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <gtest/gtest.h>

#include "support/databases.hpp"
#include "support/remote_service.hpp"

namespace guildhall::test {

/// A suite over the interface that one service offers to others: on each engine, called directly and over HTTP. Both
/// must behave alike.
template <class World>
class BothWays : public testing::TestWithParam<std::tuple<std::string, std::string>> {
protected:
    explicit BothWays(std::string service) : service_(std::move(service)) {}

    void SetUp() override {
        const auto& [engine, way] = GetParam();
        if (const auto missing = TestDatabase::missing(engine); !missing.empty()) GTEST_SKIP() << missing;
        world.emplace(engine);
        if (way != "http") return;
        remote.emplace(service_, [this](http::Router& router, const http::InternalTokens& tokens) {
            world->module->add_internal_routes(router, tokens);
        });
        ask_over_http();
    }
    /// Creates the client that the tests call instead of the service. `remote` exists.
    virtual void ask_over_http() = 0;

    std::optional<World> world;
    std::optional<RemoteService> remote;

private:
    const std::string service_;
};

/// The parameters of such a suite.
inline auto both_ways() {
    return testing::Combine(testing::Values("sqlite", "postgres"), testing::Values("direct", "http"));
}

/// "sqlite_http"
template <class Info>
std::string name_of_pair(const Info& info) {
    return std::get<0>(info.param) + "_" + std::get<1>(info.param);
}

}  // namespace guildhall::test
