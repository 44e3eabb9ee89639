#include "app/foundation.hpp"

#include <csignal>
#include <set>
#include <stdexcept>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "app/consumers.hpp"

namespace guildhall::app {
namespace {

/// The kind under which processes tell each other what they have written to the database of a service.
std::string_view written_kind(std::string_view service) {
    if (service == "user") return "user.written";
    if (service == "connection") return "connection.written";
    return "post.written";
}

constexpr sql::Statement kFirstEvent{"outbox.first", "SELECT id FROM outbox LIMIT 1"};

}  // namespace

Foundation::Foundation(const Config& config, Engines& engines, const std::string& owner, std::string service,
                       const std::vector<sql::Migration>& migrations, IoThreads& threads)
    : name_(std::move(service)),
      clock_(engines.clock),
      has_replicas_(!config.sql.replicas.empty()),
      database_(open_database(config, name_, replica_ports(config, engines))),
      consumers_(*database_, clock_) {
    database_->migrate(migrations);
    run_and_wait(threads,
                 [&]() -> Task<void> { lease_.emplace(co_await sql::NodeLease::take(*database_, clock_, owner)); });
    ids_.emplace(clock_, lease_->node());
    outbox_.emplace("/" + name_, *ids_, clock_);
    outbox::Relay::Options options;
    options.service = name_;
    relay_.emplace(*database_, *engines.bus, clock_, owner, options);
    outbox_->on_commit([this] { relay_->wake(); });
}

ReplicaPorts Foundation::replica_ports(const Config& config, Engines& engines) {
    ReplicaPorts ports;
    if (config.sql.replicas.empty()) return ports;
    ports.on_primary_back = [&coherence = engines.coherence, this] { coherence.clear(name_); };
    if (!engines.replicas) return ports;
    const auto writes = std::make_shared<sql::RecentWrites>();
    const std::string_view kind = written_kind(name_);
    heard_ = engines.coherence.on(
        kind, [writes](std::int64_t number) { writes->hear(number); }, [writes] { writes->miss(); });
    const auto tell = [&coherence = engines.coherence, kind](std::vector<std::int64_t> numbers) {
        return coherence.changed({{kind, std::move(numbers)}});
    };
    writes->share(tell, engines.coherence.live());
    ports.recent_writes = writes;
    return ports;
}

void Foundation::subscribe(bus::Bus& bus) {
    if (consumers_.wanted() != consumers_of(name_))
        throw std::logic_error("consumers_of(" + name_ + ") is out of date");
    consumers_.subscribe(bus);
    std::set<std::string> names;
    for (const bus::Wanted& wanted : consumers_.wanted()) names.insert(wanted.consumer);
    known_consumers_.emplace(*database_, bus, clock_, std::move(names));
}

Dependency Foundation::dependency() {
    const auto primary = [this] { return database_->ready(); };
    // With replicas the process stays in service when the primary is away: its reads are answered.
    if (has_replicas_) return {"sql:" + name_, "what changes something answers 503; replicas are read", false, primary};
    return {"sql:" + name_, "the " + name_ + " service answers 503", true, primary};
}

Task<void> Foundation::renew() {
    const bool is_held = co_await lease_->renew(*database_, clock_);
    if (is_held) co_return;
    // Another process may make ids with this number by now: ours could collide.
    spdlog::critical("{}: the node number was lost; ending", name_);
    ::kill(::getpid(), SIGTERM);
}

Task<void> Foundation::release() { co_await lease_->release(*database_); }

Task<bool> Foundation::is_relayed() {
    const auto first = co_await database_->read(kFirstEvent, {});
    const bool is_empty = first.empty();
    co_return is_empty;
}

}  // namespace guildhall::app
