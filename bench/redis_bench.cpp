// Question: what does one connection per thread save, compared with one thread that talks to Redis for all? GET, from
// two io threads.
//
// It needs GUILDHALL_TEST_REDIS (tests/engines/up-redis), and reports commands a second and the CPU of this process per
// command.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <sys/resource.h>

#include "platform/redis/client.hpp"

namespace guildhall::redis {
namespace {

constexpr int kThreads = 2;
constexpr int kCommands = 20'000;  // of each thread

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * time.tv_usec; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Task<void> work(Client& client, int commands, std::atomic<int>& right) {
    for (int i = 0; i < commands; ++i) {
        const Reply reply = co_await client.run(Command("GET").key("bench"));
        if (reply.text == "value") ++right;
    }
}

// Arguments: connections of their own for each thread (1) or one thread for all (0); coroutines of each thread.
void get(benchmark::State& state) {
    const char* url = std::getenv("GUILDHALL_TEST_REDIS");
    if (url == nullptr) return state.SkipWithError("GUILDHALL_TEST_REDIS is not set");
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts;
    std::vector<boost::asio::io_context*> own;
    for (int i = 0; i < kThreads; ++i) contexts.push_back(std::make_unique<boost::asio::io_context>(1));
    if (state.range(0) == 1) {
        for (const auto& io : contexts) own.push_back(io.get());
    }
    Client client(parse_url(url), own);
    std::vector<std::jthread> threads;
    for (const auto& io : contexts) {
        threads.emplace_back([&io] {
            const auto guard = boost::asio::make_work_guard(*io);
            io->run();
        });
    }
    client.send(std::move(Command("SET").key("bench").argument("value")));
    std::atomic<int> right{0};
    const int tasks = static_cast<int>(state.range(1));
    while (!client.is_up()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double begin = cpu_seconds();
    int commands = 0;
    for (auto _ : state) {
        std::atomic<int> running{kThreads * tasks};
        right = 0;
        for (const auto& io : contexts) {
            for (int i = 0; i < tasks; ++i) {
                boost::asio::co_spawn(*io, work(client, kCommands / tasks, right),
                                      [&](const std::exception_ptr&) { running.fetch_sub(1); });
            }
        }
        while (running > 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
        const int expected = kThreads * (kCommands / tasks) * tasks;
        if (right != expected) state.SkipWithError("wrong answers");
        commands += expected;
    }
    state.counters["commands"] = benchmark::Counter(commands, benchmark::Counter::kIsRate);
    state.counters["cpu_us_each"] = (cpu_seconds() - begin) * 1e6 / commands;
    for (const auto& io : contexts) io->stop();
}

BENCHMARK(get)->ArgNames({"own", "tasks"})->ArgsProduct({{0, 1}, {1, 8, 64}})->UseRealTime()->Iterations(5);

}  // namespace
}  // namespace guildhall::redis
