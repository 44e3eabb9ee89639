// Question: how long after its commit does an event take effect at a consumer, over RabbitMQ and over the embedded bus,
// at 1,000 events a second? Writers commit facts one by one, evenly in time. The clock runs from the return of that
// commit to the commit of the effect (inbox row and effect row). First it is checked that each event took effect once.
//   bus_bench memory|URL sqlite|DSN [events a second] [seconds]
//   URL: amqp://guest:guest@127.0.0.1:5672/%2f, DSN: of libpq
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/describe/class.hpp>
#include <unistd.h>

#include "platform/async/task_group.hpp"
#include "platform/bus/memory.hpp"
#include "platform/bus/rabbitmq.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/outbox/relay.hpp"
#include "platform/sql/postgres.hpp"
#include "platform/sql/sqlite.hpp"

namespace guildhall::bench {

/// The fact `n`.
struct Happened {
    static constexpr std::string_view kType = "bench.happened.v1";
    std::int64_t n;
    std::int64_t subject() const { return n % 500; }
};
BOOST_DESCRIBE_STRUCT(Happened, (), (n))

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr const char* kSchema =
    "CREATE TABLE facts (n bigint PRIMARY KEY); CREATE TABLE effects (n bigint PRIMARY KEY, times bigint NOT NULL)";
constexpr sql::Statement kFact{"bench.fact", "INSERT INTO facts (n) VALUES ($1)"};
constexpr sql::Statement kEffect{"bench.effect", R"(
    INSERT INTO effects (n, times) VALUES ($1, 1) ON CONFLICT (n) DO UPDATE SET times = effects.times + 1)"};
constexpr sql::Statement kCheck{"bench.check", "SELECT COUNT(*), COALESCE(MAX(times), 0) FROM effects"};
constexpr std::size_t kWriters = 8;
// As in production: the relay has a thread of requests, the consumer another.
constexpr std::size_t kThreads = 2;

struct Threads {
    Threads() {
        for (auto& io : contexts) threads.emplace_back([&io] { io.run(); });
    }
    ~Threads() {
        for (auto& io : contexts) io.stop();
        for (auto& thread : threads) thread.join();
    }
    boost::asio::io_context contexts[kThreads];
    using Work = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
    Work work[kThreads]{Work(contexts[0].get_executor()), Work(contexts[1].get_executor())};
    std::vector<std::thread> threads;
};

std::unique_ptr<sql::Database> open(const std::string& where, const std::filesystem::path& folder,
                                    const std::string& name) {
    if (where == "sqlite") return sql::open_sqlite({.file = folder / (name + ".db")});
    sql::PostgresOptions options;
    options.dsn = where;
    options.schema = "bench_" + std::to_string(::getpid()) + "_" + name;
    return sql::open_postgres(std::move(options));
}

Task<void> write(sql::Database& database, outbox::Outbox& outbox, std::vector<SteadyTime>& committed, std::size_t first,
                 std::chrono::nanoseconds interval, SteadyTime begin) {
    for (std::size_t n = first; n < committed.size(); n += kWriters) {
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, begin + interval * n);
        co_await timer.async_wait(boost::asio::use_awaitable);
        auto body = [&outbox, n](sql::Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kFact, sql::params(n));
            co_await outbox.append(tx, Happened{static_cast<std::int64_t>(n)});
            co_return true;
        };
        const auto done = co_await database.transact<bool>(body);
        if (!done) throw std::runtime_error(done.error().detail);
        committed[n] = std::chrono::steady_clock::now();
    }
}

void print(const char* what, std::vector<double> milliseconds) {
    std::ranges::sort(milliseconds);
    const auto at = [&](double part) {
        return milliseconds[static_cast<std::size_t>(part * static_cast<double>(milliseconds.size() - 1))];
    };
    std::printf("%s: p50 %.1f ms, p90 %.1f, p99 %.1f, p99.9 %.1f, most %.1f\n", what, at(0.5), at(0.9), at(0.99),
                at(0.999), at(1));
}

void run(const std::string& bus_at, const std::string& database_at, std::size_t rate, std::size_t seconds) {
    const auto folder = std::filesystem::temp_directory_path() / ("bus-bench-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const auto producer = open(database_at, folder, "producer");
    const auto consumer = open(database_at, folder, "consumer");
    for (const auto& database : {&producer, &consumer}) {
        std::vector<sql::Migration> all = outbox::migrations();
        all.push_back({"bench", kSchema});
        (*database)->migrate(all);
    }
    const SystemClock clock;
    IdGenerator ids(clock, 1);
    outbox::Outbox outbox("/bench", ids, clock);
    std::vector<SteadyTime> committed(rate * seconds);
    std::vector<SteadyTime> handled(committed.size());
    std::atomic<std::size_t> done{0};

    Threads threads;
    std::unique_ptr<bus::Bus> bus = bus::make_memory_bus();
    if (bus_at != "memory") {
        bus = bus::make_rabbitmq_bus({.urls = {bus_at},
                                      .prefix = "bench." + std::to_string(::getpid()) + ".",
                                      .executors = {threads.contexts[1].get_executor()}});
    }
    const auto coherence = cache::make_memory_coherence();
    outbox::Consumers consumers(*consumer, clock, *coherence);
    consumers.on<Happened>("bench.effects", [&](sql::Transaction& tx, const Happened& event) -> Task<void> {
        co_await tx.execute(kEffect, sql::params(event.n));
        tx.after_commit([&handled, &done, n = static_cast<std::size_t>(event.n)] {
            handled[n] = std::chrono::steady_clock::now();
            ++done;
        });
    });
    consumers.subscribe(*bus);
    bus->start();
    outbox::Relay relay(*producer, *bus, clock, "bench", {});
    outbox.on_commit([&relay] { relay.wake(); });
    TaskGroup tasks;
    tasks.spawn(threads.contexts[0].get_executor(), "relay", relay.run());

    const auto begin = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    for (std::size_t writer = 0; writer < kWriters; ++writer) {
        tasks.spawn(threads.contexts[writer % kThreads].get_executor(), "writer",
                    write(*producer, outbox, committed, writer, std::chrono::nanoseconds(1'000'000'000 / rate), begin));
    }
    const auto give_up = begin + std::chrono::seconds(seconds + 30);
    while (done < committed.size() && std::chrono::steady_clock::now() < give_up)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    relay.stop();
    tasks.wait(std::chrono::seconds(10));
    bus->stop(std::chrono::seconds(5));

    std::int64_t effects = 0;
    std::int64_t most = 0;
    auto check = [&]() -> Task<void> {
        auto rows = co_await consumer->read(kCheck, {});
        effects = rows[0].number(0);
        most = rows[0].number(1);
    };
    tasks.spawn(threads.contexts[0].get_executor(), "check", check());
    tasks.wait(std::chrono::seconds(10));
    if (effects != static_cast<std::int64_t>(committed.size()) || most != 1)
        throw std::runtime_error(std::to_string(effects) + " effects of " + std::to_string(committed.size()) +
                                 ", one happened " + std::to_string(most) + " times");

    std::vector<double> late;
    // The first second connects and warms up.
    for (std::size_t n = std::min(rate, committed.size() / 2); n < committed.size(); ++n)
        late.push_back(std::chrono::duration<double, std::milli>(handled[n] - committed[n]).count());
    print((std::to_string(rate) + " events a second over " + (bus_at == "memory" ? "memory" : "RabbitMQ") + " on " +
           (database_at == "sqlite" ? "SQLite" : "PostgreSQL"))
              .c_str(),
          std::move(late));
    if (database_at != "sqlite") {
        for (const char* name : {"producer", "consumer"})
            producer->execute_script("DROP SCHEMA bench_" + std::to_string(::getpid()) + "_" + name + " CASCADE");
    }
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace guildhall::bench

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("bus_bench memory|URL sqlite|DSN [events a second] [seconds]\n", stderr);
        return 2;
    }
    try {
        guildhall::bench::run(argv[1], argv[2], argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1000,
                              argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 20);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bus_bench: %s\n", error.what());
        return 1;
    }
}
