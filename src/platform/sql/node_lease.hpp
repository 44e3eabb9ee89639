#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "platform/base/clock.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// The table of node numbers. It is part of the schema of every service, so that the ids of one service never collide.
extern const char* const kNodeLeaseSchema;

/// A node number (0 to 1023) that no other running process of this service has. It is valid for `kLeaseTime` and
/// extended by renew(), every `kRenewEvery`; a process that could not renew it in time must not make ids any more.
class NodeLease {
public:
    static constexpr std::chrono::minutes kLeaseTime{15};
    static constexpr std::chrono::minutes kRenewEvery{5};

    /// Takes a free or expired number for `owner`. Throws Unavailable when all are taken.
    static Task<NodeLease> take(Database& database, const Clock& clock, std::string owner);

    std::uint16_t node() const { return node_; }
    /// The end of the lease, unless it is renewed.
    Time until() const { return until_; }

    /// Extends the lease. False when it was lost.
    Task<bool> renew(Database& database, const Clock& clock);

    /// Releases the number; for an orderly end.
    Task<void> release(Database& database);

private:
    NodeLease(std::uint16_t node, std::string owner, Time until)
        : node_(node), owner_(std::move(owner)), until_(until) {}
    std::uint16_t node_;
    std::string owner_;
    Time until_;
};

}  // namespace guildhall::sql
