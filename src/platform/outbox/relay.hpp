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
/// run one, and each holds its share), publishes their rows in order, and deletes what the bus has taken. At least once: a relay that dies
/// between the two, or whose publish takes longer than its lease, leaves rows that are published again, so consumers are idempotent (the inbox).
/// First deliveries of a subject are always in order.
class Relay {
public:
    /// How much, how often, how long.
    struct Options {
        std::size_t batch = 256;
        std::chrono::milliseconds poll{200};  // looks for events that others committed
        std::chrono::seconds lease{10};
        std::chrono::milliseconds rest{
            10};                // after a batch that was not full: what is committed meanwhile shares the next turn
        std::string service{};  // label of the metrics
    };
    /// `owner` is unique among the relays that run on this database. One that starts under the name of one that died goes on with its leases at
    /// once; under another name it waits for their end.
    Relay(sql::Database& database, bus::Bus& bus, const Clock& clock, std::string owner, Options options);
    ~Relay();

    /// Relays until stop(); then once more all that is there, and gives its leases back. Never throws: while the bus or the database is away it tries
    /// again with back-off. Runs on the calling coroutine's executor, which runs one handler at a time.
    Task<void> run();

    /// Publishes what is there now and returns the number of events; for tests, import and drain.
    Task<std::size_t> relay_once();

    /// There may be new events. Thread-safe, cheap.
    void wake();
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace guildhall::outbox
