#pragma once

#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "platform/realtime/channel.hpp"
#include "support/coherent_process.hpp"
#include "support/databases.hpp"
#include "support/remote_service.hpp"

namespace guildhall::test {

/// Two processes of a service on one database, and a third of another service, which caches answers of the second. The
/// parameter is the engine.
template <class World, class Client>
class ThreeProcesses : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (const auto missing = TestDatabase::missing(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
        make_first(a_, process_a_.coherence());
        b_.emplace(*a_, process_b_.coherence());
        // The third calls the process that does not write.
        remote_.emplace(service(), [this](http::Router& router, const http::InternalTokens& tokens) {
            b_->module->add_internal_routes(router, tokens);
        });
        client_.emplace(remote_->client(), process_c_.coherence());
        ASSERT_TRUE(CoherentProcess::join(service(), process_a_, process_b_, process_c_));
    }
    virtual std::string service() const = 0;
    /// Creates the first process.
    virtual void make_first(std::optional<World>& place, cache::Coherence& coherence) = 0;

    World& a() { return *a_; }
    World& b() { return *b_; }
    Client& client() { return *client_; }
    CoherentProcess& third() { return process_c_; }

private:
    const std::unique_ptr<realtime::Channel> channel_ = realtime::make_memory_channel();
    CoherentProcess process_a_{*channel_};
    CoherentProcess process_b_{*channel_};
    CoherentProcess process_c_{*channel_};
    std::optional<World> a_;
    std::optional<World> b_;
    std::optional<RemoteService> remote_;
    std::optional<Client> client_;
};

}  // namespace guildhall::test
