#pragma once

#include <cstddef>

#include "services/connection/connection.hpp"
#include "services/connection/graph/graph_engine_options.hpp"

namespace guildhall::connection {

/// How the connection service is set.
struct Options {
    std::size_t max_list_bytes = 64 << 20;  // of members' connections kept in memory, 8 bytes each
    std::size_t max_members = 200'000;      // of whom settings are kept in memory
    Limits limits;
    GraphEngineOptions graph;
};

}  // namespace guildhall::connection
