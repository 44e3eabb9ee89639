#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "platform/sql/postgres_pool.hpp"
#include "platform/sql/recent_writes.hpp"

namespace guildhall::sql {

/// The streaming standbys of one database. Each read also asks, in the same round trip, for the position of the
/// standby, so that an answer is never taken from one that has not replayed what the read needs. Remembered positions
/// are only a hint which standby to ask. Thread-safe.
class PostgresReplicas {
public:
    /// One for each DSN of `options`.
    explicit PostgresReplicas(const PostgresOptions& options);
    /// Closes all connections.
    void close();

    /// The answers of a replica that has replayed `needed`; replicas are asked in turn. Empty when there is none, or it
    /// does not answer within `deadline`: it is then not asked for some time. With a primary, also a replica that was
    /// behind shortly before is skipped. Does not throw.
    Task<std::optional<std::vector<Rows>>> read(const std::vector<BoundStatement>& statements, LogPosition needed,
                                                bool has_primary, std::chrono::milliseconds deadline);

private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    class Replica {
    public:
        explicit Replica(PostgresOptions options);

        /// False when it would probably not answer. From time to time one caller tries anyway.
        bool may_ask(LogPosition needed, bool has_primary);
        /// Empty when it is behind. Throws what reading throws.
        Task<std::optional<std::vector<Rows>>> read(const std::vector<BoundStatement>& statements, LogPosition needed,
                                                    std::chrono::milliseconds deadline);
        void note_failure(const std::exception& failure);

        const std::shared_ptr<PostgresShared> shared;

    private:
        bool has(LogPosition needed) const { return timeline_ >= needed.timeline && replayed_ >= needed.lsn; }
        void note_position(LogPosition position);

        std::atomic<std::int64_t> timeline_{0};
        std::atomic<std::int64_t> replayed_{0};
        std::atomic<bool> failed_{false};
        std::atomic<std::int64_t> next_try_{0};  // steady_clock's count
    };

    std::vector<std::unique_ptr<Replica>> replicas_;
    std::atomic<std::size_t> next_replica_{0};
};

}  // namespace guildhall::sql
