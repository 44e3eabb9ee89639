#pragma once

#include <cstddef>

#include "app/config/config.hpp"

namespace guildhall::app {

/// Raises the number of files (sockets are files) that this process may have open to what the system allows it. That
/// number.
std::size_t raise_open_files_limit();

/// About how many files `serve` has open when all its connections are in use, with `threads` io threads.
std::size_t most_open_files(const Config& config, std::size_t threads);

}  // namespace guildhall::app
