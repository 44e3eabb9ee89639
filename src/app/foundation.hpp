#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/engines.hpp"
#include "app/io_threads.hpp"
#include "app/platform_routes.hpp"
#include "app/service_database.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/outbox/consumer.hpp"
#include "platform/outbox/known_consumers.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/outbox/relay.hpp"
#include "platform/sql/database.hpp"
#include "platform/sql/node_lease.hpp"

namespace guildhall::app {

/// What every service with facts stands on: its database, ids, outbox, consumers and relay.
class Foundation {
public:
    /// Opens the database, applies `migrations`, takes a node number. Throws Unavailable, Corrupt.
    Foundation(const Config& config, Engines& engines, const std::string& owner, std::string service,
               const std::vector<sql::Migration>& migrations, IoThreads& threads);

    const std::string& name() const { return name_; }
    sql::Database& database() { return *database_; }
    IdGenerator& ids() { return *ids_; }
    outbox::Outbox& outbox() { return *outbox_; }
    outbox::Consumers& consumers() { return consumers_; }
    outbox::Relay& relay() { return *relay_; }

    /// Subscribes what the service has bound. Throws std::logic_error when that is not what consumers_of() says of it: other processes rely on that.
    void subscribe(bus::Bus& bus);

    /// What /readyz asks of the database.
    Dependency dependency();
    /// Renews the node number; ends the process when another has it.
    Task<void> renew();
    /// Removes from the bus the consumers that no longer exist. Throws Unavailable.
    Task<void> refresh_consumers() { return known_consumers_->refresh(); }
    /// So that replicas of the database may take the place of its primary; every second. Throws Unavailable.
    Task<void> learn_position() { return database_->learn_position(); }
    /// Gives the node number back.
    Task<void> release();
    /// True when no event waits.
    Task<bool> is_relayed();

private:
    ReplicaPorts replica_ports(const Config& config, Engines& engines);

    const std::string name_;
    const Clock& clock_;
    const bool has_replicas_;
    std::unique_ptr<cache::Coherence::Registration> heard_;  // what other processes write, for reads of replicas
    std::unique_ptr<sql::Database> database_;
    std::optional<sql::NodeLease> lease_;
    std::optional<IdGenerator> ids_;
    std::optional<outbox::Outbox> outbox_;
    outbox::Consumers consumers_;
    std::optional<outbox::KnownConsumers> known_consumers_;  // from subscribe() on
    std::optional<outbox::Relay> relay_;
};

}  // namespace guildhall::app
