#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "app/config/config.hpp"
#include "app/platform_routes.hpp"
#include "platform/async/pool.hpp"
#include "platform/base/clock.hpp"
#include "platform/http/client.hpp"
#include "platform/neo4j/client.hpp"
#include "services/connection/graph/memory_graph.hpp"
#include "services/connection/graph/neo4j_graph.hpp"

namespace guildhall::app {

/// The social graph's engine that the configuration chooses: Neo4j, or this process's memory with a snapshot in the data folder.
class GraphEngine {
public:
    explicit GraphEngine(const Config& config);

    /// The one that was chosen.
    connection::Graph& graph();
    /// Null when it is Neo4j.
    connection::MemoryGraph* own() { return own_ ? &*own_ : nullptr; }

    /// Reads the snapshot of the last clean end, if there is one of use: the graph then answers with what it says until it is compared with the tables. Removes it;
    /// with Neo4j that is all.
    void load();
    /// Writes one at the end, unless the graph is Neo4j or not `is_whole`: compared with the tables. Says in the log what went wrong.
    void save(bool is_whole);
    /// Gives up what is asked of Neo4j.
    void stop();

    /// What /readyz asks of it; nothing when it is this process's own.
    std::optional<Dependency> dependency();

private:
    const std::filesystem::path snapshot_;
    std::optional<Pool> pool_;  // of own_
    std::optional<connection::MemoryGraph> own_;
    std::optional<http::Client> http_;
    std::optional<neo4j::Client> client_;
    std::optional<connection::Neo4jGraph> shared_;
};

}  // namespace guildhall::app
