#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "app/config.hpp"
#include "platform/async/task.hpp"
#include "platform/http/router.hpp"
#include "services/connection/module.hpp"
#include "services/post/module.hpp"
#include "services/user/module.hpp"

namespace guildhall::app {

/// Threads that each run an io_context, from construction until stop().
class IoThreads {
public:
    explicit IoThreads(std::size_t count);
    ~IoThreads();
    const std::vector<boost::asio::io_context*>& contexts() const { return pointers_; }
    boost::asio::io_context& first() { return *pointers_.front(); }
    /// Ends the threads; what still waits on them is destroyed.
    void stop();

private:
    /// A context that can destroy what waits on it before it is destroyed itself.
    struct Context : boost::asio::io_context {
        using io_context::io_context;
        void abandon() { shutdown(); }
    };
    std::vector<std::unique_ptr<Context>> contexts_;
    std::vector<boost::asio::io_context*> pointers_;
    std::vector<std::thread> threads_;
};

/// The whole program without its sockets: databases, bus, services, relays, wired from the configuration. The only place that sees all services.
class Application {
public:
    /// Opens the databases; applies the migrations; takes the node numbers. Throws Unavailable, Corrupt.
    Application(const Config& config, IoThreads& threads);
    ~Application();

    /// The services and what they share; for import and tests.
    user::Module& users();
    connection::Module& connections();
    post::Module& posts();
    const Clock& clock() const;
    http::Router& router();
    /// As it is served at /v1/openapi.json.
    const std::string& openapi_document() const;

    /// Starts the relays and the services' upkeep.
    void start();
    /// Relays what waits, stops the upkeep and gives the node numbers back; at most `limit`.
    void drain(std::chrono::milliseconds limit);

    /// Starts to answer requests. The port, also when 0 was asked for.
    std::uint16_t listen();
    /// Readiness off; requests are still served, and each answer ends its connection.
    void announce_drain();
    /// Readiness off, then all requests that run are answered; at most `limit`.
    void stop_listening(std::chrono::milliseconds limit);

    /// Relays all events that wait, until none is left; for import and tests.
    Task<void> relay_all();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Drains the application and ends the threads when the scope ends, however it ends: no coroutine outlives what it refers to.
struct Draining {
    Application& application;
    IoThreads& threads;
    std::chrono::milliseconds limit;
    ~Draining() {
        application.drain(limit);
        threads.stop();
    }
};

/// Runs `task` on `threads` and waits for it; rethrows its exception.
void run_and_wait(IoThreads& threads, std::function<Task<void>()> task);

/// Applies the migrations of all services and returns.
void migrate(const Config& config);

}  // namespace guildhall::app
