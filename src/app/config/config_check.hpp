#pragma once

#include <string>
#include <vector>

#include "app/config/config.hpp"

namespace guildhall::app {

/// All that can be known to be wrong before the start: lines that name the key.
std::vector<std::string> faults_of(const Config& config);

}  // namespace guildhall::app
