#include "platform/sql/postgres_replicas.hpp"

#include <exception>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <spdlog/spdlog.h>

namespace guildhall::sql {
namespace {

/// After this time, one caller asks a replica again that was behind, or that has failed.
constexpr std::chrono::milliseconds kBehind{50};
constexpr std::chrono::milliseconds kFailed{1000};

/// NULL on a server that never was a standby. The timeline is that of the last restart point. After a fail-over it is
/// the old one until the next restart point, so a standby that does not follow the new primary is never mistaken for
/// one that does.
constexpr Statement kReplayPosition{"replica.position",
                                    "SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint,"
                                    " (SELECT timeline_id::bigint FROM pg_control_checkpoint())"};
/// The same without the timeline, which is read from a file.
constexpr Statement kReplayed{"replica.replayed", "SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint"};

std::int64_t now_count() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace

PostgresReplicas::Replica::Replica(PostgresOptions options)
    : shared(std::make_shared<PostgresShared>(std::move(options), PostgresRole::replica)) {}

bool PostgresReplicas::Replica::may_ask(LogPosition needed, bool has_primary) {
    if (!failed_ && (!has_primary || has(needed))) return true;
    auto next = next_try_.load();
    const auto now = now_count();
    if (now < next) return false;
    const std::chrono::steady_clock::duration pause = failed_ ? kFailed : kBehind;
    return next_try_.compare_exchange_strong(next, now + pause.count());
}

Task<std::optional<std::vector<Rows>>> PostgresReplicas::Replica::read(const std::vector<BoundStatement>& statements,
                                                                       LogPosition needed,
                                                                       std::chrono::milliseconds deadline) {
    auto pool = PostgresPool::of(co_await boost::asio::this_coro::executor, shared);
    auto connection = pool->try_take();
    if (!connection) connection = co_await pool->take({.deadline = deadline});
    PostgresLease lease(std::move(pool), std::move(connection));

    // The position comes first, so that the snapshots of the reads are later. It is that of this connection's server: a
    // connection string may stand for several servers, or for another one later.
    const bool knows_timeline = lease->timeline() >= needed.timeline && lease->timeline() > 0;
    Rows position;
    std::vector<Rows> answers(statements.size());
    lease->send(knows_timeline ? kReplayed : kReplayPosition, {}, &position);
    for (std::size_t i = 0; i < statements.size(); ++i)
        lease->send(*statements[i].statement, statements[i].params, &answers[i]);
    co_await lease.finish(deadline);
    if (position[0].is_null(0)) co_return std::nullopt;
    if (!knows_timeline) lease->note_timeline(position[0].number(1));
    const LogPosition found{lease->timeline(), position[0].number(0)};
    note_position(found);
    if (found.timeline < needed.timeline || found.lsn < needed.lsn) co_return std::nullopt;
    co_return answers;
}

void PostgresReplicas::Replica::note_position(LogPosition position) {
    timeline_ = position.timeline;
    replayed_ = position.lsn;
    if (failed_.exchange(false)) spdlog::info("a PostgreSQL replica answers again");
}

void PostgresReplicas::Replica::note_failure(const std::exception& failure) {
    next_try_ = now_count() + std::chrono::steady_clock::duration(kFailed).count();
    if (!failed_.exchange(true)) spdlog::warn("a PostgreSQL replica does not answer: {}", failure.what());
}

PostgresReplicas::PostgresReplicas(const PostgresOptions& options) {
    for (const auto& dsn : options.replicas) {
        PostgresOptions own = options;
        own.dsn = dsn;
        replicas_.push_back(std::make_unique<Replica>(std::move(own)));
    }
}

void PostgresReplicas::close() {
    for (const auto& replica : replicas_) replica->shared->close();
}

Task<std::optional<std::vector<Rows>>> PostgresReplicas::read(const std::vector<BoundStatement>& statements,
                                                              LogPosition needed, bool has_primary,
                                                              std::chrono::milliseconds deadline) {
    const auto first = next_replica_.fetch_add(1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
        auto& replica = *replicas_[(first + i) % replicas_.size()];
        if (!replica.may_ask(needed, has_primary)) continue;
        try {
            if (auto answers = co_await replica.read(statements, needed, deadline)) co_return answers;
        } catch (const ConnectionLost& failure) {
            replica.note_failure(failure);
        } catch (const std::runtime_error& failure) {
            // Only this read failed: it was cancelled, was too slow, or used something that the standby does not have
            // yet.
            spdlog::debug("a PostgreSQL replica could not answer a read: {}", failure.what());
        }
    }
    co_return std::nullopt;
}

}  // namespace guildhall::sql
