// Question: what does a call to a service in another process cost: its token, compared with the signature of an access
// token (docs/adr/0008); the Call that the coroutines of a request carry; and a whole call over loopback, one after the
// other on one connection?
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "platform/async/call.hpp"
#include "platform/http/access_token.hpp"
#include "platform/http/internal_token.hpp"
#include "services/connection/public/network_client.hpp"
#include "support/connection_world.hpp"
#include "support/remote_service.hpp"

namespace {

using namespace guildhall;

constexpr UserId kMember{123'456'789'012'345};

http::InternalTokens tokens_of(const Clock& clock) { return {{std::string(32, 's')}, clock}; }

void sign_internal_token(benchmark::State& state) {
    const SystemClock clock;
    const auto tokens = tokens_of(clock);
    for (auto _ : state) benchmark::DoNotOptimize(tokens.sign({"post", "user", kMember}));
}
BENCHMARK(sign_internal_token);

void verify_internal_token(benchmark::State& state) {
    const SystemClock clock;
    const auto tokens = tokens_of(clock);
    std::string bearer;
    int left = 0;
    for (auto _ : state) {
        if (left-- == 0) {  // before it ends
            bearer = "Bearer " + tokens.sign({"post", "user", kMember});
            left = 10'000;
        }
        if (!tokens.verify(bearer, "user")) throw std::logic_error("a good token was refused");
    }
}
BENCHMARK(verify_internal_token);

void sign_es256(benchmark::State& state) {
    const SystemClock clock;
    const auto key = http::SigningKey::generate();
    const Time end = clock.now() + std::chrono::hours(1);
    for (auto _ : state) benchmark::DoNotOptimize(key.sign({kMember, SessionId{1}, end}, "guildhall", clock.now()));
}
BENCHMARK(sign_es256);

void verify_es256(benchmark::State& state) {
    const SystemClock clock;
    const auto key = http::SigningKey::generate();
    const std::string jwks = "{\"keys\":[" + key.public_jwk() + "]}";
    const std::string token =
        key.sign({kMember, SessionId{1}, clock.now() + std::chrono::hours(1)}, "guildhall", clock.now());
    for (auto _ : state) {
        http::AccessTokens tokens("guildhall", clock);  // a new one has verified no token yet
        if (!tokens.set_keys(jwks) || !tokens.verify(token)) throw std::logic_error("a good token was refused");
    }
}
BENCHMARK(verify_es256);

Task<int> nothing() { co_return 1; }

void run_for_a_call(benchmark::State& state) {
    boost::asio::io_context io(1);
    const auto call = std::make_shared<const Call>();
    auto all = [&]() -> Task<void> {
        for (auto _ : state) {
            Task<int> task = run_for(call, nothing());
            benchmark::DoNotOptimize(co_await std::move(task));
        }
    };
    boost::asio::co_spawn(io, all, [](const std::exception_ptr&) {});
    io.run();
}
BENCHMARK(run_for_a_call);

void ask_for_500_connections(benchmark::State& state) {
    connection::test::World world("sqlite");
    const std::string me = std::to_string(kMember.value);
    world.database.execute_script(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        " INSERT INTO connections (user_id, peer_id, connected_at, sort_name) SELECT " +
        me + ", " + me + " + i, 1, '' FROM n");
    test::RemoteService remote("connection", [&](http::Router& router, const http::InternalTokens& tokens) {
        world.module->add_internal_routes(router, tokens);
    });
    const auto coherence = cache::make_memory_coherence();
    connection::NetworkClient client(remote.client(), *coherence, {.ttl = std::chrono::milliseconds(0)});
    boost::asio::io_context io(1);
    auto all = [&]() -> Task<void> {
        for (auto _ : state) {
            const auto ids = co_await client.connections_of(kMember);
            if (ids->size() != 500) throw std::logic_error("not all connections came");
        }
    };
    std::exception_ptr failure;
    boost::asio::co_spawn(io, all, [&](const std::exception_ptr& error) { failure = error; });
    io.run();
    if (failure) std::rethrow_exception(failure);
}
BENCHMARK(ask_for_500_connections)->MeasureProcessCPUTime()->UseRealTime();

}  // namespace
