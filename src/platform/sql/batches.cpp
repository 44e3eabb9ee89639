#include "platform/sql/batches.hpp"

namespace guildhall::sql {

Task<bool> delete_in_batches(Database& database, const Statement& statement, Params values,
                             std::chrono::milliseconds time) {
    values.push_back(static_cast<std::int64_t>(kBatchRows));
    const auto end = std::chrono::steady_clock::now() + time;
    const auto body = [&](Transaction& tx) -> Task<Result<std::size_t>> {
        auto deleted = co_await tx.query(statement, values);
        // Rolled back, so that an idle server commits nothing.
        if (deleted.empty()) co_return Error{Code::not_found, "nothing to delete"};
        co_return deleted.size();
    };
    for (;;) {
        const auto deleted = co_await database.transact<std::size_t>(body);
        if (!deleted || *deleted < kBatchRows) co_return true;
        if (std::chrono::steady_clock::now() >= end) co_return false;
    }
}

}  // namespace guildhall::sql
