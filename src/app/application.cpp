#include "app/application.hpp"

#include <csignal>
#include <future>
#include <random>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <spdlog/spdlog.h>

#include "app/platform_routes.hpp"
#include "app/service_database.hpp"
#include "platform/async/pool.hpp"
#include "platform/async/task_group.hpp"
#include "platform/async/upkeep.hpp"
#include "platform/base/text.hpp"
#include "platform/bus/memory.hpp"
#include "platform/cache/memory.hpp"
#include "platform/http/server.hpp"
#include "platform/mail/mailer.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/relay.hpp"
#include "platform/sql/node_lease.hpp"

namespace guildhall::app {
namespace {

constexpr std::chrono::seconds kUpkeepEvery{1};
constexpr sql::Statement kFirstEvent{"outbox.first", "SELECT id FROM outbox LIMIT 1"};

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

http::RateLimiter::Limits rate_limits(const Config& config) {
    constexpr std::chrono::seconds kWindow{60};
    return {{{config.rate_limits.read_per_minute, kWindow},
             {config.rate_limits.write_per_minute, kWindow},
             {config.rate_limits.auth_per_minute, kWindow}}};
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

/// What every service has: its database, ids, outbox, consumers and relay.
struct Foundation {
    Foundation(const Config& config, const Clock& time, const std::string& owner, std::string service,
               const std::vector<sql::Migration>& migrations, bus::Bus& bus, IoThreads& threads)
        : name(std::move(service)), clock(time), database(open_database(config, name)), consumers(*database, time) {
        database->migrate(migrations);
        run_and_wait(threads,
                     [&]() -> Task<void> { lease.emplace(co_await sql::NodeLease::take(*database, clock, owner)); });
        ids.emplace(clock, lease->node());
        outbox.emplace("/" + name, *ids, clock);
        outbox::Relay::Options relay_options;
        relay_options.service = name;
        relay.emplace(*database, bus, clock, owner, relay_options);
        outbox->on_commit([this] { relay->wake(); });
    }

    std::string name;
    const Clock& clock;
    std::unique_ptr<sql::Database> database;
    std::optional<sql::NodeLease> lease;
    std::optional<IdGenerator> ids;
    std::optional<outbox::Outbox> outbox;
    outbox::Consumers consumers;
    std::optional<outbox::Relay> relay;
};

}  // namespace

struct Application::State {
    State(const Config& configuration, IoThreads& io)
        : config(configuration),
          threads(io),
          owner(process_name(config)),
          cache(cache::make_memory_cache(clock, config.cache.max_bytes)),
          bus(bus::make_memory_bus()),
          mailer(mail::make_file_mailer(config.data_dir / "mail")),
          hashing("hashing", config.auth.hashing_threads, config.auth.hashing_queue),
          tokens(config.auth.issuer, clock),
          limiter(rate_limits(config), clock),
          user_base(config, clock, owner, "user", user::Module::migrations(), *bus, threads),
          connection_base(config, clock, owner, "connection", connection::Module::migrations(), *bus, threads),
          post_base(config, clock, owner, "post", post::Module::migrations(), *bus, threads),
          users({*user_base.database, *user_base.ids, clock, *user_base.outbox, user_base.consumers, *cache, *mailer,
                 hashing, tokens},
                user_options(config)),
          connections({*connection_base.database, *connection_base.ids, clock, *connection_base.outbox,
                       connection_base.consumers, users.directory()}),
          posts({*post_base.database, *post_base.ids, clock, *post_base.outbox, post_base.consumers, users.directory(),
                 connections.network()},
                {}),
          platform(config, dependencies()) {
        for (Foundation* base : bases()) base->consumers.subscribe(*bus);
        router.set_service("user");
        users.add_routes(router);
        router.set_service("connection");
        connections.add_routes(router);
        router.set_service("post");
        posts.add_routes(router);
        platform.add_routes(router);
        router.freeze();
        platform.publish(router);
    }

    std::vector<Foundation*> bases() { return {&user_base, &connection_base, &post_base}; }

    std::vector<Dependency> dependencies() {
        std::vector<Dependency> out;
        for (Foundation* base : bases())
            out.push_back({"sql:" + base->name, "the " + base->name + " service answers 503", true,
                           [base] { return base->database->ready(); }});
        return out;
    }

    Task<void> renew(Foundation& base);
    Task<void> upkeep();

    const Config config;
    IoThreads& threads;
    const std::string owner;
    SystemClock clock;
    std::unique_ptr<cache::Cache> cache;
    std::unique_ptr<bus::Bus> bus;
    std::unique_ptr<mail::Mailer> mailer;
    Pool hashing;
    http::AccessTokens tokens;
    http::MemoryRateLimiter limiter;
    Foundation user_base;
    Foundation connection_base;
    Foundation post_base;
    user::Module users;
    connection::Module connections;
    post::Module posts;
    PlatformRoutes platform;
    http::Router router;
    std::unique_ptr<http::Server> server;
    TaskGroup tasks;
};

/// Renews the node number of a service.
Task<void> Application::State::renew(Foundation& base) {
    const bool is_held = co_await base.lease->renew(*base.database, clock);
    if (is_held) co_return;
    // Another process may make ids with this number by now: ours could collide.
    spdlog::critical("{}: the node number was lost; ending", base.name);
    ::kill(::getpid(), SIGTERM);
}

/// Keeps leases, keys and revocations fresh. A database that is away only delays what needs it.
Task<void> Application::State::upkeep() {
    while (!tasks.stopping()) {
        for (Foundation* base : bases()) co_await keep_up(base->name + ": node number", renew(*base));
        co_await keep_up("user", users.maintain());
        co_await keep_up("connection", connections.maintain());
        co_await keep_up("post", posts.maintain());
        co_await sleep_for(kUpkeepEvery);
    }
}

Application::Application(const Config& config, IoThreads& threads) {
    if (config.sql.engine == "sqlite" || !config.data_dir.empty()) std::filesystem::create_directories(config.data_dir);
    state_ = std::make_unique<State>(config, threads);
}

Application::~Application() = default;

user::Module& Application::users() { return state_->users; }
connection::Module& Application::connections() { return state_->connections; }
post::Module& Application::posts() { return state_->posts; }
const Clock& Application::clock() const { return state_->clock; }
http::Router& Application::router() { return state_->router; }
const std::string& Application::openapi_document() const { return state_->platform.openapi_document(); }

void Application::start() {
    run_and_wait(state_->threads, [this] { return state_->users.load(); });
    std::size_t next = 0;
    const auto& contexts = state_->threads.contexts();
    for (Foundation* base : state_->bases()) {
        auto executor = contexts[next++ % contexts.size()]->get_executor();
        state_->tasks.spawn(executor, "relay of " + base->name, base->relay->run());
    }
    state_->tasks.spawn(contexts[next % contexts.size()]->get_executor(), "upkeep", state_->upkeep());
    state_->platform.set_started();
}

void Application::drain(std::chrono::milliseconds limit) {
    state_->tasks.stop();
    for (Foundation* base : state_->bases()) base->relay->stop();
    if (const auto left = state_->tasks.wait(limit); left > 0)
        spdlog::warn("{} background tasks did not end in time", left);
    try {
        run_and_wait(state_->threads, [this]() -> Task<void> {
            for (Foundation* base : state_->bases()) co_await base->lease->release(*base->database);
        });
    } catch (const std::exception& error) {
        spdlog::warn("giving back node numbers: {}", error.what());
    }
}

std::uint16_t Application::listen() {
    State& s = *state_;
    s.server = std::make_unique<http::Server>(server_options(s.config), s.router, s.tokens, s.users.revocations(),
                                              s.limiter, s.clock, *s.user_base.ids);
    s.server->start(s.threads.contexts());
    return s.server->port();
}

void Application::announce_drain() {
    state_->platform.set_draining();
    if (state_->server) state_->server->announce_drain();
}

void Application::stop_listening(std::chrono::milliseconds limit) {
    announce_drain();
    if (state_->server) state_->server->drain(limit);
}

Task<void> Application::relay_all() {
    // A process that died holds partitions until its lease ends; only then are its events ours.
    const Time give_up = state_->clock.now() + 2 * outbox::Relay::Options{}.lease;
    for (bool is_waiting = true; is_waiting && state_->clock.now() < give_up;) {
        bool has_moved = false;
        is_waiting = false;
        for (Foundation* base : state_->bases()) {
            has_moved |= co_await base->relay->relay_once() > 0;
            const auto first = co_await base->database->read(kFirstEvent, {});
            is_waiting |= !first.empty();
        }
        if (is_waiting && !has_moved) co_await sleep_for(std::chrono::milliseconds(100));
        is_waiting |= has_moved;
    }
}

void migrate(const Config& config) {
    if (config.sql.engine == "sqlite") std::filesystem::create_directories(config.data_dir);
    open_database(config, "user")->migrate(user::Module::migrations());
    open_database(config, "connection")->migrate(connection::Module::migrations());
    open_database(config, "post")->migrate(post::Module::migrations());
}

IoThreads::IoThreads(std::size_t count) {
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i)
        pointers_.push_back(contexts_.emplace_back(std::make_unique<Context>(1)).get());
    for (auto& context : contexts_) {
        threads_.emplace_back([io = context.get()] {
            const auto work = boost::asio::make_work_guard(*io);
            io->run();
        });
    }
}

IoThreads::~IoThreads() { stop(); }

void IoThreads::stop() {
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    for (auto& context : contexts_) context->abandon();
}

void run_and_wait(IoThreads& threads, std::function<Task<void>()> task) {
    std::promise<void> done;
    boost::asio::co_spawn(threads.first(), task, [&done](std::exception_ptr failure) {
        if (failure) {
            done.set_exception(failure);
        } else {
            done.set_value();
        }
    });
    done.get_future().get();
}

}  // namespace guildhall::app
