#pragma once

#include <chrono>
#include <cstddef>

#include "platform/sql/database.hpp"

namespace guildhall::sql {

/// Rows that one statement of upkeep deletes: other writers get their turn between two.
constexpr std::size_t kBatchRows = 500;
/// How long one turn of upkeep may delete.
constexpr std::chrono::seconds kBatchTime{2};

/// Deletes in batches, each a transaction of its own. `statement` deletes at most as many rows as its last parameter says, which is added to `values`
/// here, and returns one row for each. True when nothing is left; false when `time` ran out before. Throws Unavailable.
Task<bool> delete_in_batches(Database& database, const Statement& statement, Params values,
                             std::chrono::milliseconds time = kBatchTime);

}  // namespace guildhall::sql
