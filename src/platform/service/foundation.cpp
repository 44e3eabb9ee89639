#include "platform/service/foundation.hpp"

#include <chrono>
#include <csignal>
#include <set>
#include <utility>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "platform/async/upkeep.hpp"
#include "platform/http/idempotency.hpp"

namespace guildhall::service {
namespace {

constexpr std::chrono::hours kPruneEvery{1};

}  // namespace

Foundation::Foundation(const Host& host, const Definition& definition, const Open& open)
    : host_(host), name_(definition.name), written_kind_(name_ + ".written"), database_(open(replica_ports())) {
    database_->migrate(all_migrations(definition));
    ids_.emplace(host_.clock);
    host_.run_and_wait([this]() -> Task<void> {
        try {
            co_await take_node();
        } catch (const Unavailable& failure) {
            if (failure.code != Code::insufficient_storage) throw;
            spdlog::error("{}: the storage is full; only reads are served: {}", name_, failure.what());
        }
    });
    outbox_.emplace("/" + name_, *ids_, host_.clock);
    base_.emplace(Base{*database_, *ids_, host_.clock, *outbox_, host_.coherence});
    consumers_.emplace(*database_, host_.clock, host_.coherence);
    outbox::Relay::Options options;
    options.service = name_;
    relay_.emplace(*database_, host_.bus, host_.clock, host_.owner, options);
    outbox_->on_commit([this] { relay_->wake(); });
}

ReplicaPorts Foundation::replica_ports() {
    ReplicaPorts ports;
    if (!host_.reads_replicas) return ports;
    ports.on_primary_back = [this] { host_.coherence.clear(name_); };
    if (!host_.shares_databases) return ports;
    const auto writes = std::make_shared<sql::RecentWrites>();
    heard_ = host_.coherence.on(
        written_kind_, [writes](std::int64_t number) { writes->note_remote(number); },
        [writes] { writes->note_missed(); });
    const auto announce = [this](std::vector<std::int64_t> numbers) {
        return host_.coherence.changed({{written_kind_, std::move(numbers)}});
    };
    writes->share(announce, host_.coherence.live());
    ports.recent_writes = writes;
    return ports;
}

void Foundation::subscribe(Module& module) {
    module.add_consumers(*consumers_);
    consumers_->subscribe(host_.bus);
    std::set<std::string> names;
    for (const bus::Wanted& wanted : consumers_->wanted()) names.insert(wanted.consumer);
    known_consumers_.emplace(*database_, host_.bus, host_.clock, std::move(names));
}

std::vector<Dependency> Foundation::dependencies() {
    const auto primary = [this] { return database_->ready(outbox::kFindWaiting); };
    const auto storage = [this]() -> Task<bool> { co_return ids_->is_usable() && database_->is_writable(); };
    // With replicas the process stays in service while the primary is unavailable: its reads are answered.
    const Dependency reads =
        host_.reads_replicas
            ? Dependency{"sql:" + name_, "what changes something answers 503; replicas are read", false, primary}
            : Dependency{"sql:" + name_, "the " + name_ + " service answers 503", true, primary};
    return {reads, {"storage:" + name_, "what changes something answers 507 or 503; reads are served", false, storage}};
}

Task<void> Foundation::maintain() {
    // So that replicas of the database may take the place of its primary.
    co_await run_upkeep(name_ + ": replicas", database_->learn_position());
    co_await run_upkeep(name_ + ": node number", hold_node());
    co_await run_upkeep(name_ + ": consumers", refresh_consumers());
    co_await run_upkeep(name_ + ": old keys and events", prune());
}

Task<void> Foundation::take_node() {
    try {
        lease_.emplace(co_await sql::NodeLease::take(*database_, host_.clock, host_.owner));
    } catch (const Unavailable& failure) {
        ids_->refuse_with(failure.code);
        throw;
    }
    ids_->use(lease_->node(), lease_->until());
}

Task<void> Foundation::hold_node() {
    if (!lease_) {
        co_await take_node();
        co_return;
    }
    const Time now = host_.clock.now();
    const Time renewed_at = lease_->until() - sql::NodeLease::kLeaseTime;
    const bool is_due = now >= renewed_at + sql::NodeLease::kRenewEvery || now < renewed_at;
    // While writes fail, this is also the write that notices when they work again.
    if (!is_due && database_->is_writable()) co_return;
    const bool is_held = co_await lease_->renew(*database_, host_.clock);
    if (is_held) {
        ids_->use(lease_->node(), lease_->until());
        co_return;
    }
    // Another process may make ids with this number by now: ours could collide.
    spdlog::critical("{}: the node number was lost; ending", name_);
    ::kill(::getpid(), SIGTERM);
}

Task<void> Foundation::refresh_consumers() {
    if (known_consumers_) co_await known_consumers_->refresh();
}

Task<void> Foundation::prune() {
    const Time now = host_.clock.now();
    if (now < pruned_at_ + kPruneEvery) co_return;
    const bool is_done = co_await http::prune_idempotency_keys(*database_, now);
    if (is_done && co_await consumers_->prune()) pruned_at_ = now;
}

Task<void> Foundation::release() {
    if (lease_) co_await lease_->release(*database_);
}

Task<bool> Foundation::is_relayed() {
    const auto first = co_await database_->read(outbox::kFindWaiting, {});
    const bool is_empty = first.empty();
    co_return is_empty;
}

}  // namespace guildhall::service
