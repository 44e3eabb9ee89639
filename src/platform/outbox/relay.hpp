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

/// Moves events from the outbox of one service to the bus. It claims partitions of the outbox by a lease in plain SQL,
/// so any number of replicas may run one, and each has its share. It publishes their rows in order and deletes what the
/// bus has taken. A relay that finds nothing for a while gives its leases back and sleeps until wake(); it then writes
/// nothing, and only looks now and then whether other processes have written events. At least once: if a relay dies
/// between the two, or its publish() takes longer than its lease, the rows are published again, so consumers are
/// idempotent (the inbox). The first deliveries of a subject are always in order.
class Relay {
public:
    /// Sizes and times.
    struct Options {
        std::size_t batch = 256;
        std::chrono::milliseconds poll{200};          // for events that other processes committed
        std::chrono::milliseconds sleep_after{5000};  // without an event and a wake()
        std::chrono::milliseconds sleep_poll{5000};   // as `poll`, while it sleeps
        std::chrono::seconds lease{10};
        std::chrono::milliseconds rest{
            10};  // after a batch that was not full: events that are committed meanwhile share the next one
        std::string service{};  // label of the metrics
    };
    /// `owner` is unique among the running relays of this database. A relay that starts with the name of one that died
    /// takes its leases over immediately; with another name it waits until they expire.
    Relay(sql::Database& database, bus::Bus& bus, const Clock& clock, std::string owner, Options options);
    ~Relay();

    /// Relays until stop(), then relays what is left and releases its leases. Never throws: while the bus or the
    /// database is unavailable it retries with backoff. Runs on the calling coroutine's executor, which must run one
    /// handler at a time.
    Task<void> run();

    /// Publishes the events that wait now and returns their number; for tests, import and drain.
    Task<std::size_t> relay_once();

    /// Reports that there may be new events. Thread-safe, cheap.
    void wake();
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace guildhall::outbox
