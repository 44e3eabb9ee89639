#include "app/application.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "app/engines.hpp"
#include "app/neighbours.hpp"
#include "app/platform_routes.hpp"
#include "app/route_table.hpp"
#include "app/service_database.hpp"
#include "app/services.hpp"
#include "app/wiring.hpp"
#include "platform/async/task_group.hpp"
#include "platform/async/upkeep.hpp"
#include "platform/base/text.hpp"
#include "platform/http/server.hpp"
#include "platform/service/foundation.hpp"

namespace guildhall::app {
namespace {

constexpr std::chrono::seconds kUpkeepEvery{1};

/// Names this process among replicas. Over SQLite there is one, and its successor takes over its leases at once instead
/// of waiting for their end.
std::string process_name(const Config& config) {
    return config.sql.engine == "sqlite" ? "embedded" : std::to_string(::getpid()) + "-" + hex(random_bytes(8));
}

}  // namespace

struct Application::State {
    /// A service that runs here.
    struct Running {
        const ServiceRow& row;
        std::unique_ptr<service::Foundation> foundation;
        std::unique_ptr<service::Module> module;
    };

    State(const Config& configuration, IoThreads& io)
        : config(configuration),
          threads(io),
          owner(process_name(config)),
          engines(config, owner, io),
          host{.clock = engines.clock,
               .coherence = engines.coherence,
               .bus = *engines.bus,
               .owner = owner,
               .run_and_wait = [&io](std::function<Task<void>()> task) { run_and_wait(io, std::move(task)); },
               .reads_replicas = !config.sql.postgres.replicas.empty(),
               .shares_databases = engines.replicas != nullptr},
          neighbours(config, engines),
          wiring(config, engines, neighbours, [this](std::string_view name) -> const service::Base& {
              return std::ranges::find(running, name, [](const Running& one) { return one.row.name; })
                  ->foundation->base();
          }) {
        for (const ServiceRow& row : services()) {
            if (!config.services.runs(row.name)) continue;
            const auto open = [&](service::ReplicaPorts ports) {
                return open_database(config, row.name, std::move(ports));
            };
            running.push_back({row, std::make_unique<service::Foundation>(host, row.definition(), open), nullptr});
        }
        for (Running& one : running) one.module = one.row.make(one.foundation->base(), wiring);
        for (Running& one : running) one.foundation->subscribe(*one.module);
        platform.emplace(config, dependencies());
        bind_routes();
    }

    void bind_routes() {
        for (Running& one : running) {
            router.set_service(one.foundation->name(), &one.foundation->base().database);
            one.module->add_routes(router);
            if (engines.internal_tokens) one.module->add_internal_routes(router, *engines.internal_tokens);
        }
        PlatformRoutes::add_routes(router, &*platform);
        // What is asked of others has a deadline, and what a replica may answer is known from the request.
        if (neighbours.sessions() || host.reads_replicas) router.carry_calls(config.http.handler_deadline);
        router.freeze();
        // A gateway may ask any process: each has the document of all services.
        if (config.services.run_all()) {
            platform->publish(router);
        } else {
            platform->publish(describe_all_routes());
        }
    }

    std::vector<service::Dependency> dependencies() {
        std::vector<service::Dependency> out;
        const auto add = [&out](const std::vector<service::Dependency>& some) {
            out.insert(out.end(), some.begin(), some.end());
        };
        for (Running& one : running) add(one.foundation->dependencies());
        add(neighbours.dependencies());
        add(engines.dependencies());
        for (Running& one : running) add(one.module->dependencies());
        return out;
    }

    Task<void> maintain(Running& one) {
        co_await one.foundation->maintain();
        co_await run_upkeep(one.foundation->name(), one.module->maintain());
    }
    /// Calls `piece` again and again until the end. Each service has its own: what is slow in one must not delay
    /// another, least of all the knowledge of ended sessions.
    Task<void> repeat(std::function<Task<void>()> piece) {
        while (!tasks.stopping()) {
            co_await piece();
            co_await sleep_for(kUpkeepEvery);
        }
    }
    void start_upkeep() {
        std::size_t next = 0;
        const auto spawn = [&](const std::string& name, std::function<Task<void>()> piece) {
            auto executor = threads.contexts()[next++ % threads.contexts().size()]->get_executor();
            tasks.spawn(executor, "upkeep of " + name, repeat(std::move(piece)));
        };
        for (Running& one : running) {
            spawn(one.foundation->name(), [this, &one] { return maintain(one); });
            for (service::Upkeep& work : one.module->upkeep())
                spawn(work.name, [work] { return run_upkeep(work.name, work.piece()); });
        }
        if (neighbours.sessions()) spawn("neighbours", [this] { return neighbours.maintain(); });
    }

    const Config config;
    IoThreads& threads;
    const std::string owner;
    Engines engines;
    const service::Host host;
    Neighbours neighbours;
    http::Router router;
    Wiring wiring;
    std::vector<Running> running;
    std::optional<PlatformRoutes> platform;
    std::unique_ptr<http::Server> server;
    TaskGroup tasks;
    TaskGroup last_tasks;  // end when those have ended
};

Application::Application(const Config& config, IoThreads& threads) {
    if (config.sql.engine == "sqlite" || !config.data_dir.empty()) std::filesystem::create_directories(config.data_dir);
    state_ = std::make_unique<State>(config, threads);
}

Application::~Application() = default;

user::Module& Application::users() { return *state_->wiring.users; }
connection::Module& Application::connections() { return *state_->wiring.connections; }
post::Module& Application::posts() { return *state_->wiring.posts; }
const Clock& Application::clock() const { return state_->engines.clock; }
http::Router& Application::router() { return state_->router; }
const std::string& Application::openapi_document() const { return state_->platform->openapi_document(); }

void Application::start() {
    State& s = *state_;
    for (State::Running& one : s.running) run_and_wait(s.threads, [&one] { return one.module->load(); });
    // Without the user service this process starts nevertheless, and is ready when it has answered.
    if (s.neighbours.sessions()) run_and_wait(s.threads, [&s] { return s.neighbours.maintain(); });
    const auto& contexts = s.threads.contexts();
    if (s.engines.replicas)
        s.last_tasks.spawn(contexts.front()->get_executor(), "coherence of caches", s.engines.replicas->run());
    s.engines.bus->start();
    std::size_t next = 0;
    for (State::Running& one : s.running) {
        auto executor = contexts[next++ % contexts.size()]->get_executor();
        s.tasks.spawn(executor, "relay of " + one.foundation->name(), one.foundation->relay().run());
    }
    s.start_upkeep();
    s.platform->set_started();
}

void Application::drain(std::chrono::milliseconds limit) {
    State& s = *state_;
    const auto end = std::chrono::steady_clock::now() + limit;
    const auto left = [end] {
        const auto rest = std::chrono::floor<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        return std::max(rest, std::chrono::milliseconds(0));
    };
    s.tasks.stop();
    for (State::Running& one : s.running) {
        one.module->stop();
        one.foundation->relay().stop();
    }
    if (const auto running = s.tasks.wait(limit); running > 0)
        spdlog::warn("{} background tasks did not end in time", running);
    s.engines.bus->stop(left());
    // After all that changes anything.
    if (s.engines.replicas) s.engines.replicas->stop();
    s.last_tasks.wait(left());
    try {
        run_and_wait(s.threads, [&s]() -> Task<void> {
            for (State::Running& one : s.running) co_await one.foundation->release();
        });
    } catch (const std::exception& error) {
        spdlog::warn("giving back node numbers: {}", error.what());
    }
    s.engines.client.stop();
    // A dependency that is slow may still be asked for a /readyz that has been answered; what it uses goes away next.
    if (const auto asked = s.platform->wait(left()) + s.neighbours.wait(left()); asked > 0)
        spdlog::warn("{} dependencies did not answer in time", asked);
    for (State::Running& one : s.running) one.module->close();
}

std::uint16_t Application::listen() {
    State& s = *state_;
    s.server = std::make_unique<http::Server>(s.config.http, s.router, s.engines.tokens, s.wiring.revocations(),
                                              *s.engines.limiter, s.engines.clock, s.engines.request_ids);
    s.server->start(s.threads.contexts());
    return s.server->port();
}

void Application::announce_drain() {
    state_->platform->set_draining();
    if (state_->server) state_->server->announce_drain();
}

void Application::stop_listening(std::chrono::milliseconds limit) {
    announce_drain();
    if (state_->server) state_->server->drain(limit);
}

Task<void> Application::relay_all() {
    // A process that died holds partitions until its lease ends; only then are its events ours.
    const Time give_up = clock().now() + 2 * outbox::Relay::Options{}.lease;
    for (bool is_waiting = true; is_waiting && clock().now() < give_up;) {
        bool has_moved = false;
        is_waiting = false;
        for (State::Running& one : state_->running) {
            try {
                has_moved |= co_await one.foundation->relay().relay_once() > 0;
            } catch (const Unavailable& error) {
                spdlog::warn("relay of {}: {}", one.foundation->name(), error.what());
            }
            const bool is_relayed = co_await one.foundation->is_relayed();
            is_waiting |= !is_relayed;
        }
        if (is_waiting && !has_moved) co_await sleep_for(std::chrono::milliseconds(100));
        is_waiting |= has_moved;
    }
}

void migrate(const Config& config) {
    if (config.sql.engine == "sqlite") std::filesystem::create_directories(config.data_dir);
    for (const ServiceRow& row : services())
        if (config.services.runs(row.name))
            open_database(config, row.name)->migrate(service::all_migrations(row.definition()));
}

}  // namespace guildhall::app
