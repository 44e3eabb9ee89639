#pragma once

#include <chrono>
#include <cstddef>

#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// The number of rows that one statement of upkeep deletes; other writers can proceed between two.
constexpr std::size_t kBatchRows = 500;
/// The time that one round of upkeep may spend on deleting.
constexpr std::chrono::seconds kBatchTime{2};

/// Deletes in batches, each in its own transaction. `statement` deletes at most as many rows as its last parameter
/// says, which is added to `values` here, and returns one row for each. True when nothing is left; false when `time`
/// ran out first. Throws Unavailable.
Task<bool> delete_in_batches(Database& database, const Statement& statement, Params values,
                             std::chrono::milliseconds time = kBatchTime);

}  // namespace guildhall::sql
