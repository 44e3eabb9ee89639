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
#include "app/foundation.hpp"
#include "app/graph_engine.hpp"
#include "app/neighbours.hpp"
#include "app/platform_routes.hpp"
#include "app/route_table.hpp"
#include "app/service_database.hpp"
#include "app/upcoming.hpp"
#include "platform/async/task_group.hpp"
#include "platform/async/upkeep.hpp"
#include "platform/base/text.hpp"
#include "platform/http/server.hpp"
#include "services/connection/module.hpp"
#include "services/post/module.hpp"
#include "services/user/module.hpp"

namespace guildhall::app {
namespace {

constexpr std::chrono::seconds kUpkeepEvery{1};

/// Names this process among replicas. Over SQLite there is one, and its successor takes over its leases at once instead of waiting for their end.
std::string process_name(const Config& config) {
    return config.sql.engine == "sqlite" ? "embedded" : std::to_string(::getpid()) + "-" + hex(random_bytes(8));
}

http::ServerOptions server_options(const Config& config) {
    const auto listen = parse_listen(config.http.listen);
    if (!listen) throw std::invalid_argument("http.listen");
    http::ServerOptions options;
    options.address = listen->ip;
    options.port = listen->port;
    options.max_connections = config.http.max_connections;
    options.max_header_bytes = config.http.max_header_bytes;
    options.max_body_bytes = config.http.max_body_bytes;
    options.compress_from_bytes = config.http.compress_from_bytes;
    options.header_deadline = config.http.header_deadline;
    options.body_deadline = config.http.body_deadline;
    options.handler_deadline = config.http.handler_deadline;
    options.write_deadline = config.http.write_deadline;
    options.idle_deadline = config.http.idle_deadline;
    options.trusted_proxies = config.http.trusted_proxies;
    options.cors_origins = config.http.cors_origins;
    options.access_log = config.http.access_log;
    return options;
}

user::Options user_options(const Config& config) {
    user::Options options;
    options.issuer = config.auth.issuer;
    options.access_token_ttl = config.auth.access_token_ttl;
    options.refresh_token_ttl = config.auth.refresh_token_ttl;
    options.throttle.account_failures = config.auth.lockout_failures;
    options.throttle.ip_failures = config.auth.lockout_ip_failures;
    options.throttle.ip_registrations = config.auth.ip_registrations;
    options.throttle.window = config.auth.lockout_window;
    return options;
}

connection::Options connection_options(const Config& config) {
    connection::Options options;
    options.limits.invitations_a_week = config.connections.invitations_a_week;
    options.limits.pending_invitations = config.connections.max_pending_invitations;
    options.limits.connections = config.connections.max_connections;
    options.limits.follows = config.connections.max_follows;
    return options;
}

}  // namespace

struct Application::State {
    State(const Config& configuration, IoThreads& io)
        : config(configuration),
          threads(io),
          owner(process_name(config)),
          engines(config, owner, io),
          neighbours(config, engines) {
        if (config.services.runs("user")) make_users();
        if (config.services.runs("connection")) make_connections();
        if (config.services.runs("post")) make_posts();
        if (users) users->ask_degrees_of(network());
        for (Foundation* base : bases()) base->subscribe(*engines.bus);
        for (const std::string_view service : kUpcoming)
            if (config.services.runs(service)) engines.bus->subscribe(upcoming_subscription(service));
        platform.emplace(config, dependencies());
        router.set_service("platform");
        platform->add_routes(router);
        // What is asked of others has a deadline, and what a replica may answer is known from the request.
        if (neighbours.sessions() || !config.sql.replicas.empty()) router.carry_calls(config.http.handler_deadline);
        router.freeze();
        // A gateway may ask any process: each has the document of all services.
        if (config.services.run_all()) {
            platform->publish(router);
        } else {
            platform->publish(describe_all_routes(config));
        }
    }

    void make_users() {
        Foundation& base = user_base.emplace(config, engines, owner, "user", user::Module::migrations(), threads);
        users.emplace(
            user::Module::Ports{base.database(), base.ids(), engines.clock, base.outbox(), base.consumers(),
                                *engines.cache, *engines.mailer, engines.hashing, engines.tokens, engines.coherence},
            user_options(config));
        bind(base, *users);
    }
    void make_connections() {
        Foundation& base =
            connection_base.emplace(config, engines, owner, "connection", connection::Module::migrations(), threads);
        graph.emplace(config);
        connections.emplace(
            connection::Module::Ports{base.database(), base.ids(), engines.clock, base.outbox(), base.consumers(),
                                      directory(), engines.coherence, *engines.channel, graph->graph(), graph->own()},
            connection_options(config));
        bind(base, *connections);
    }
    void make_posts() {
        Foundation& base = post_base.emplace(config, engines, owner, "post", post::Module::migrations(), threads);
        posts.emplace(post::Module::Ports{base.database(), base.ids(), engines.clock, base.outbox(), base.consumers(),
                                          directory(), network(), engines.coherence});
        bind(base, *posts);
    }
    template <class Module>
    void bind(Foundation& base, Module& module) {
        router.set_service(base.name());
        module.add_routes(router);
        if (engines.internal_tokens) module.add_internal_routes(router, *engines.internal_tokens);
    }

    user::Directory& directory() {
        if (users) return users->directory();
        return *neighbours.directory();
    }
    connection::Network& network() {
        if (connections) return connections->network();
        return *neighbours.network();
    }
    const http::Revocations& revocations() {
        if (users) return users->revocations();
        return neighbours.sessions()->revocations();
    }

    std::vector<Foundation*> bases() {
        std::vector<Foundation*> out;
        for (std::optional<Foundation>* base : {&user_base, &connection_base, &post_base})
            if (*base) out.push_back(&**base);
        return out;
    }

    std::vector<Dependency> dependencies() {
        std::vector<Dependency> out;
        const auto add = [&out](const std::vector<Dependency>& some) {
            out.insert(out.end(), some.begin(), some.end());
        };
        for (Foundation* base : bases()) out.push_back(base->dependency());
        add(neighbours.dependencies());
        add(engines.dependencies());
        if (graph)
            if (auto asked = graph->dependency()) out.push_back(std::move(*asked));
        return out;
    }

    template <class Module>
    Task<void> maintain(Foundation& base, Module& module) {
        co_await keep_up(base.name() + ": replicas", base.learn_position());
        co_await keep_up(base.name() + ": node number", base.renew());
        co_await keep_up(base.name() + ": consumers", base.refresh_consumers());
        co_await keep_up(base.name(), module.maintain());
    }
    /// Calls `piece` again and again until the end. Each service has its own: what is slow in one must not delay another, least of all the knowledge of ended sessions.
    Task<void> repeat(std::function<Task<void>()> piece) {
        while (!tasks.stopping()) {
            co_await piece();
            co_await sleep_for(kUpkeepEvery);
        }
    }
    void start_upkeep() {
        std::size_t next = 0;
        const auto spawn = [&](std::string name, std::function<Task<void>()> piece) {
            auto executor = threads.contexts()[next++ % threads.contexts().size()]->get_executor();
            tasks.spawn(executor, "upkeep of " + std::move(name), repeat(std::move(piece)));
        };
        if (users) spawn("user", [this] { return maintain(*user_base, *users); });
        if (connections) {
            spawn("connection", [this] { return maintain(*connection_base, *connections); });
            spawn("graph", [this] { return keep_up("graph", connections->graph_keeper().maintain()); });
        }
        if (posts) spawn("post", [this] { return maintain(*post_base, *posts); });
        if (neighbours.sessions()) spawn("neighbours", [this] { return neighbours.maintain(); });
    }

    const Config config;
    IoThreads& threads;
    const std::string owner;
    Engines engines;
    Neighbours neighbours;
    http::Router router;
    std::optional<Foundation> user_base;
    std::optional<Foundation> connection_base;
    std::optional<Foundation> post_base;
    std::optional<GraphEngine> graph;
    std::optional<user::Module> users;
    std::optional<connection::Module> connections;
    std::optional<post::Module> posts;
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

user::Module& Application::users() { return state_->users.value(); }
connection::Module& Application::connections() { return state_->connections.value(); }
post::Module& Application::posts() { return state_->posts.value(); }
const Clock& Application::clock() const { return state_->engines.clock; }
http::Router& Application::router() { return state_->router; }
const std::string& Application::openapi_document() const { return state_->platform->openapi_document(); }

void Application::start() {
    State& s = *state_;
    if (s.users) run_and_wait(s.threads, [&s] { return s.users->load(); });
    if (s.graph) {
        s.graph->load();
        run_and_wait(s.threads, [&s] { return s.connections->graph_keeper().begin(); });
    }
    // Without the user service this process starts nevertheless, and is ready when it has answered.
    if (s.neighbours.sessions()) run_and_wait(s.threads, [&s] { return s.neighbours.maintain(); });
    const auto& contexts = s.threads.contexts();
    if (s.engines.replicas)
        s.last_tasks.spawn(contexts.front()->get_executor(), "coherence of caches", s.engines.replicas->run());
    s.engines.bus->start();
    std::size_t next = 0;
    for (Foundation* base : s.bases()) {
        auto executor = contexts[next++ % contexts.size()]->get_executor();
        s.tasks.spawn(executor, "relay of " + base->name(), base->relay().run());
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
    if (s.connections) s.connections->graph_keeper().stop();
    for (Foundation* base : s.bases()) base->relay().stop();
    if (const auto running = s.tasks.wait(limit); running > 0)
        spdlog::warn("{} background tasks did not end in time", running);
    s.engines.bus->stop(left());
    // After all that changes anything.
    if (s.engines.replicas) s.engines.replicas->stop();
    s.last_tasks.wait(left());
    try {
        run_and_wait(s.threads, [&s]() -> Task<void> {
            for (Foundation* base : s.bases()) co_await base->release();
        });
    } catch (const std::exception& error) {
        spdlog::warn("giving back node numbers: {}", error.what());
    }
    s.engines.client.stop();
    // A dependency that is slow may still be asked for a /readyz that has been answered; what it uses goes away next.
    if (const auto asked = s.platform->wait(left()) + s.neighbours.wait(left()); asked > 0)
        spdlog::warn("{} dependencies did not answer in time", asked);
    if (!s.graph) return;
    s.graph->stop();
    s.graph->save(s.connections->graph_keeper().is_compared());
}

std::uint16_t Application::listen() {
    State& s = *state_;
    s.server = std::make_unique<http::Server>(server_options(s.config), s.router, s.engines.tokens, s.revocations(),
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
        for (Foundation* base : state_->bases()) {
            has_moved |= co_await base->relay().relay_once() > 0;
            const bool is_relayed = co_await base->is_relayed();
            is_waiting |= !is_relayed;
        }
        if (is_waiting && !has_moved) co_await sleep_for(std::chrono::milliseconds(100));
        is_waiting |= has_moved;
    }
}

void migrate(const Config& config) {
    if (config.sql.engine == "sqlite") std::filesystem::create_directories(config.data_dir);
    const auto migrate_one = [&](const std::string& service, const std::vector<sql::Migration>& migrations) {
        if (config.services.runs(service)) open_database(config, service)->migrate(migrations);
    };
    migrate_one("user", user::Module::migrations());
    migrate_one("connection", connection::Module::migrations());
    migrate_one("post", post::Module::migrations());
}

}  // namespace guildhall::app
