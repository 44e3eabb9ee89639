#pragma once

#include "app/config/config.hpp"

namespace guildhall::app {

/// Finds what can be known to be wrong before the start. Throws std::runtime_error with one line that names the key.
void check(const Config& config);

}  // namespace guildhall::app
