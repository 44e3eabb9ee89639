#include "app/foundation.hpp"

#include <csignal>
#include <stdexcept>

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "app/consumers.hpp"
#include "app/service_database.hpp"

namespace guildhall::app {
namespace {

constexpr sql::Statement kFirstEvent{"outbox.first", "SELECT id FROM outbox LIMIT 1"};

}  // namespace

Foundation::Foundation(const Config& config, Engines& engines, const std::string& owner, std::string service,
                       const std::vector<sql::Migration>& migrations, IoThreads& threads)
    : name_(std::move(service)),
      clock_(engines.clock),
      database_(open_database(config, name_)),
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

void Foundation::subscribe(bus::Bus& bus) {
    if (consumers_.wanted() != consumers_of(name_))
        throw std::logic_error("consumers_of(" + name_ + ") is out of date");
    consumers_.subscribe(bus);
}

Dependency Foundation::dependency() {
    return {"sql:" + name_, "the " + name_ + " service answers 503", true, [this] { return database_->ready(); }};
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
    co_return first.empty();
}

}  // namespace guildhall::app
