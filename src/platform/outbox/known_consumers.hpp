#pragma once

#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "platform/base/clock.hpp"
#include "platform/bus/bus.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// Records in the database of a service which consumers its processes have, and removes from the bus what it keeps for
/// a consumer that no process has had for `kGrace`: a queue that nobody reads would grow forever. The events in it are
/// dropped. The grace is for rolling restarts and roll-backs, where a version without the consumer runs beside, or
/// between, versions with it; after it a consumer that comes back gets new events only. A consumer that was renamed is
/// a new one, and loses what waits for its old name.
class KnownConsumers {
public:
    static constexpr std::chrono::hours kGrace{1};
    /// How often refresh() records the consumers of this process.
    static constexpr std::chrono::minutes kInterval{5};

    /// `names` are the consumers of this process.
    KnownConsumers(sql::Database& database, bus::Bus& bus, const Clock& clock, std::set<std::string> names)
        : database_(database), bus_(bus), clock_(clock), names_(std::move(names)) {}

    /// Call at the start and in each round of upkeep; works once in `kInterval`, and is repeated then when it has
    /// failed. Throws Unavailable.
    Task<void> refresh();

private:
    Task<void> record(Time now);

    sql::Database& database_;
    bus::Bus& bus_;
    const Clock& clock_;
    const std::set<std::string> names_;  // in order: two processes that lock rows must not meet crosswise
    Time due_{};
    std::set<std::string> removed_;  // by this process
};

}  // namespace guildhall::outbox
