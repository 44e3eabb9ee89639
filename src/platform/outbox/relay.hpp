#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "platform/async/task.hpp"
#include "platform/base/clock.hpp"
#include "platform/bus/bus.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// Moves events from one service's outbox to the bus: claims partitions of the outbox by a lease in plain SQL (so any number of replicas may
/// run one), publishes their rows in order, and deletes what the bus has taken. At least once.
class Relay {
public:
    struct Options {
        std::size_t batch = 256;
        std::chrono::milliseconds poll{200};       // looks for events of others, and after a missed wake
        std::chrono::seconds lease{10};
    };
    Relay(sql::Database& database, bus::Bus& bus, const Clock& clock, std::string owner, Options options);
    ~Relay();

    /// Relays until stop(); then once more all that is there, and gives its leases back. Runs on the calling coroutine's executor.
    Task<void> run();

    /// Publishes what is there now and returns the number of events; for tests, import and drain.
    Task<std::size_t> relay_once();

    /// There may be new events. Thread-safe, cheap.
    void wake();
    void stop();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace guildhall::outbox
