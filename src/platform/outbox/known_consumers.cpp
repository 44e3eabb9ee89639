#include "platform/outbox/known_consumers.hpp"

#include <utility>

namespace guildhall::outbox {
namespace {

constexpr sql::Statement kRecord{"consumers.record", R"(
    INSERT INTO consumers (name, seen_at) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at)"};

constexpr sql::Statement kListUnseen{"consumers.list_unseen",
                                     "SELECT name FROM consumers WHERE seen_at < $1 ORDER BY name"};

}  // namespace

Task<void> KnownConsumers::refresh() {
    const Time now = clock_.now();
    if (now < due_) co_return;
    due_ = now + kInterval;
    // First: after a long stop the consumers of this process have not been seen for long either.
    co_await record(now);
    // The rows stay. A process of another service that is older than the removal may make the queue again; it is
    // removed again at the next start.
    auto unseen = co_await database_.read(kListUnseen, sql::params(now - kGrace));
    for (auto row : unseen) {
        std::string name = row.take_text(0);
        if (removed_.contains(name) || names_.contains(name)) continue;
        co_await bus_.remove_consumer(name);
        removed_.insert(std::move(name));
    }
}

Task<void> KnownConsumers::record(Time now) {
    auto body = [&](sql::Transaction& tx) -> Task<Result<std::size_t>> {
        for (const std::string& name : names_) co_await tx.execute(kRecord, sql::params(name, now));
        co_return names_.size();
    };
    const auto recorded = co_await database_.transact<std::size_t>(body);
    if (!recorded) throw Unavailable(recorded.error().detail);
}

}  // namespace guildhall::outbox
