#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "platform/base/text.hpp"
#include "platform/http/problem.hpp"
#include "support/user_world.hpp"

namespace guildhall::user::test {

/// The whole user service over each database.
class ServiceTest : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (const auto missing = guildhall::test::TestDatabase::missing(GetParam()); !missing.empty())
            GTEST_SKIP() << missing;
        world.emplace(GetParam(), change);
    }

    AuthService& auth() { return world->auth(); }
    AccountService& accounts() { return world->accounts(); }
    UserService& users() { return world->users(); }
    template <class T>
    T run(Task<T> task) {
        return world->run(std::move(task));
    }
    Result<Tokens> refresh(const std::string& token) { return run(auth().refresh(world->visitor(), {{token}})); }
    Result<Tokens> verify(const std::string& email, const std::string& code, const std::string& token) {
        return world->verify(email, code, token);
    }
    /// The token of a registration that must be accepted.
    std::string ask_for_account(Register body) { return world->ask_for_account(std::move(body)); }
    Result<http::Accepted<RegisterAnswer>> ask(Register body) { return world->ask(std::move(body)); }
    Result<Profile> profile_of(const Tokens& reader, UserId user) {
        return run(users().find(world->caller(reader), user));
    }
    Result<Me> update(const Tokens& member, UpdateProfile patch) {
        return run(users().update_me(world->caller(member), std::move(patch)));
    }
    Result<Me> take_handle(const Tokens& member, const std::string& handle) {
        UpdateProfile patch;
        patch.handle.value = json::Handle{handle};
        return update(member, std::move(patch));
    }
    Result<void> block(const Tokens& member, UserId user) { return run(users().block(world->caller(member), user)); }
    Result<void> unblock(const Tokens& member, UserId user) {
        return run(users().unblock(world->caller(member), user));
    }
    /// The answer as it goes over the wire.
    template <class T>
    std::string wire(const Result<T>& result) {
        if (!result) {
            const auto response = http::problem(result.error(), world->request);
            return std::to_string(response.status) + response.body;
        }
        return "ok";
    }

    World::Change change;
    std::optional<World> world;
};

/// Runs the tests of `suite` over both databases.
#define GUILDHALL_OVER_BOTH_DATABASES(suite)                                 \
    INSTANTIATE_TEST_SUITE_P(, suite, testing::Values("sqlite", "postgres"), \
                             [](const auto& tested) { return tested.param; })

}  // namespace guildhall::user::test
