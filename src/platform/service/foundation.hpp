#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/bus/bus.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/known_consumers.hpp"
#include "platform/outbox/relay.hpp"
#include "platform/service/base.hpp"
#include "platform/service/module.hpp"
#include "platform/sql/node_lease.hpp"
#include "platform/sql/recent_writes.hpp"

namespace guildhall::service {

/// What a process gives each of its services.
struct Host {
    const Clock& clock;
    cache::Coherence& coherence;
    bus::Bus& bus;
    std::string owner;  // names this process among the replicas of the service
    /// Runs a task to its end, and throws what it throws.
    std::function<void(std::function<Task<void>()>)> run_and_wait;
    bool reads_replicas = false;    // the databases have standbys that answer reads
    bool shares_databases = false;  // other processes write them too, and `coherence` reaches those
};

/// What the replicas of a service's database need of the rest of the process (sql/postgres.hpp).
struct ReplicaPorts {
    std::shared_ptr<sql::RecentWrites> recent_writes;  // null: no other process tells what it writes
    std::function<void()> on_primary_back;
};

/// The ground of one service in one process: its database, ids, outbox, consumers and relay, and their upkeep.
class Foundation {
public:
    using Open = std::function<std::unique_ptr<sql::Database>(ReplicaPorts)>;

    /// Opens the database, applies the migrations, takes a node number. If the storage is full, the number is taken
    /// later by maintain(), and until then everything that needs a new id is refused. `host` outlives this. Throws
    /// Unavailable, Corrupt.
    Foundation(const Host& host, const Definition& definition, const Open& open);

    const std::string& name() const { return name_; }
    const Base& base() const { return *base_; }
    outbox::Relay& relay() { return *relay_; }

    /// Binds and subscribes the consumers of `module`, which outlives the bus's last delivery. Once.
    void subscribe(Module& module);

    /// What /readyz asks of the database.
    std::vector<Dependency> dependencies();
    /// Does what is due: learns how far replicas are, renews the node number (and ends the process when another has
    /// it), removes consumers that no longer exist from the bus, deletes old inbox rows, dead letters and idempotency
    /// keys. While writes fail, tries one. Every second; what fails is logged.
    Task<void> maintain();
    /// Gives the node number back.
    Task<void> release();
    /// True when no event waits.
    Task<bool> is_relayed();

private:
    ReplicaPorts replica_ports();
    Task<void> take_node();
    Task<void> hold_node();
    Task<void> refresh_consumers();
    Task<void> prune();

    const Host& host_;
    const std::string name_;
    const std::string written_kind_;  // under which processes tell each other what they have written to this database
    std::unique_ptr<cache::Coherence::Registration> heard_;  // what other processes write, for reads of replicas
    std::unique_ptr<sql::Database> database_;
    std::optional<sql::NodeLease> lease_;  // none: the storage has been full since the start
    std::optional<IdGenerator> ids_;
    std::optional<outbox::Outbox> outbox_;
    std::optional<Base> base_;
    std::optional<outbox::Consumers> consumers_;
    std::optional<outbox::KnownConsumers> known_consumers_;  // from subscribe() on
    std::optional<outbox::Relay> relay_;
    Time pruned_at_{};
};

}  // namespace guildhall::service
