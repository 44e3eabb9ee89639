#pragma once

#include <string>

#include "platform/async/task.hpp"

namespace guildhall {

/// Runs one piece of a process's upkeep to its end. A failure is logged under `name` and goes no further: what one piece
/// cannot do must not keep the next from being done.
Task<void> keep_up(std::string name, Task<void> piece);

}  // namespace guildhall
