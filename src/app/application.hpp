#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "app/config/config.hpp"
#include "app/io_threads.hpp"
#include "platform/async/task.hpp"
#include "platform/base/clock.hpp"
#include "platform/http/router.hpp"
#include "services/connection/module.hpp"
#include "services/post/module.hpp"
#include "services/user/module.hpp"

namespace guildhall::app {

/// The program without its sockets: the services that the configuration names, wired to their engines and to the
/// services of other processes.
class Application {
public:
    /// Opens the databases; applies the migrations; takes the node numbers. Throws Unavailable, Corrupt.
    Application(const Config& config, IoThreads& threads);
    ~Application();

    /// The services and what they share; for import and tests. The service runs here.
    user::Module& users();
    connection::Module& connections();
    post::Module& posts();
    const Clock& clock() const;
    http::Router& router();
    /// As it is served at /v1/openapi.json.
    const std::string& openapi_document() const;

    /// Starts the relays and the services' upkeep.
    void start();
    /// Relays what waits, stops the upkeep and gives the node numbers back: in at most `limit`, and for the last the
    /// deadline of a statement for each service.
    void drain(std::chrono::milliseconds limit);

    /// Starts to answer requests. The port, also when 0 was asked for.
    std::uint16_t listen();
    /// Readiness off; requests are still served, and each answer ends its connection.
    void announce_drain();
    /// Readiness off, then all requests that run are answered; at most `limit`.
    void stop_listening(std::chrono::milliseconds limit);

    /// Relays the events that wait until none is left; for import and tests. Gives up after twice the lease of a relay:
    /// what another process holds, or what an unavailable bus did not take, is relayed by a process that serves.
    Task<void> relay_all();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Drains the application and ends the threads when the scope ends, however it ends: no coroutine outlives what it
/// refers to.
struct Draining {
    Application& application;
    IoThreads& threads;
    std::chrono::milliseconds limit;
    ~Draining() {
        application.drain(limit);
        threads.stop();
    }
};

/// Applies the migrations of the services that the configuration names.
void migrate(const Config& config);

}  // namespace guildhall::app
