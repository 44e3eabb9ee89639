#pragma once

#include <string>

#include "platform/async/task.hpp"

namespace guildhall {

/// Runs one step of a process's upkeep. A failure is logged with `name` and not rethrown, so that the next step runs.
Task<void> run_upkeep(std::string name, Task<void> piece);

}  // namespace guildhall
