#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/bus/memory.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/http/caller.hpp"
#include "platform/json/write.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/service/base.hpp"
#include "platform/service/module.hpp"
#include "support/databases.hpp"
#include "support/manual_clock.hpp"
#include "support/watched_database.hpp"

namespace guildhall::test {

/// What the processes of one service share in a test: the time, which stands still, and the database.
struct Ground {
    Ground(std::string engine, std::chrono::days since_epoch) : clock(Time(since_epoch)), place(std::move(engine)) {}
    ManualClock clock;
    TestDatabase place;
    std::atomic<std::uint16_t> processes{0};
};

/// An event as it lies in the outbox.
struct StoredEvent {
    std::string type;
    std::int64_t subject = 0;
    std::string data;
};

/// What the kit gives a service, for one process of a test: everything runs on the test's thread, over the embedded
/// bus. The worlds of the services add the module and what members do.
class ServiceRig {
public:
    /// `shared`: tells other processes what changes here; null: this process is alone.
    ServiceRig(const service::Definition& definition, std::shared_ptr<Ground> over, cache::Coherence* shared = nullptr)
        : ground(std::move(over)),
          coherence(shared == nullptr ? *alone : *shared),
          outbox("/" + std::string(definition.name), ids, clock) {
        database.migrate(service::all_migrations(definition));
    }

    /// From now on events reach `module`, and no module of before.
    void listen(service::Module& module) {
        bus = bus::make_memory_bus();
        consumers.emplace(database, clock, coherence);
        module.add_consumers(*consumers);
        consumers->subscribe(*bus);
    }

    /// Runs `task` to its end; throws what it throws.
    template <class T>
    T run(Task<T> task) {
        return loop.run(std::move(task));
    }
    /// Runs them side by side; their results in order.
    template <class T>
    std::vector<T> run_together(std::vector<Task<T>> tasks) {
        return loop.run_together(std::move(tasks));
    }

    http::Caller caller(UserId user) { return {user, SessionId{1}, &request}; }
    http::Visitor visitor(UserId user = {}) { return {user, SessionId{}, &request}; }

    /// Brings `event` to the consumers; the same id again is the same event.
    template <class E>
    void deliver(const E& event, std::optional<bus::EventId> id = {}) {
        std::vector<bus::Envelope> envelopes{{.id = id ? *id : ids.next<bus::EventId>(),
                                              .source = "/test",
                                              .type = std::string(E::kType),
                                              .subject = event.subject(),
                                              .time = clock.now(),
                                              .traceparent = "",
                                              .data = json::to_json(event)}};
        run(bus->publish(std::move(envelopes)));
    }

    /// The events so far that no relay has taken, in order.
    std::vector<StoredEvent> events() {
        static constexpr sql::Statement kEvents{"test.events", "SELECT type, subject, data FROM outbox ORDER BY id"};
        auto rows = run(database.read(kEvents, {}));
        std::vector<StoredEvent> all;
        for (auto row : rows) all.push_back({row.take_text(0), row.number(1), row.take_text(2)});
        return all;
    }
    std::vector<std::string> event_types() {
        std::vector<std::string> types;
        for (auto& event : events()) types.push_back(std::move(event.type));
        return types;
    }

    /// The number of a one-cell answer.
    std::int64_t number(const sql::Statement& statement, sql::Params params = {}) {
        return run(database.read(statement, std::move(params)))[0].number(0);
    }

    TestLoop loop;
    std::shared_ptr<Ground> ground;
    ManualClock& clock = ground->clock;
    std::unique_ptr<cache::Coherence> alone = cache::make_memory_coherence();
    cache::Coherence& coherence;
    WatchedDatabase database{ground->place.open()};
    IdGenerator ids{clock, ++ground->processes};
    outbox::Outbox outbox;
    service::Base base{database, ids, clock, outbox, coherence};
    std::unique_ptr<bus::Bus> bus;
    std::optional<outbox::Consumers> consumers;
    http::RequestContext request{.request_id = "r-1",
                                 .path = "/test",
                                 .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                 .address = *IpAddress::parse("192.0.2.1"),
                                 .ip = "192.0.2.1",
                                 .user_agent = "test/1.0",
                                 .if_match = {}};
};

}  // namespace guildhall::test
