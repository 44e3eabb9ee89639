#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace guildhall::connection {

/// Where the social graph is.
struct GraphEngineOptions {
    std::string url;                                    // of Neo4j; empty: in this process's memory
    std::string prefix = "Guildhall";                   // of labels, types and indexes in Neo4j
    std::chrono::milliseconds question_deadline{2000};  // of Neo4j
    std::filesystem::path folder;                       // of the snapshot of an own graph
};

}  // namespace guildhall::connection
