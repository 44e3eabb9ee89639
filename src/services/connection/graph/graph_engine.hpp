#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>

#include "platform/async/pool.hpp"
#include "platform/base/clock.hpp"
#include "platform/http/client.hpp"
#include "platform/neo4j/client.hpp"
#include "platform/service/dependency.hpp"
#include "services/connection/graph/graph_engine_options.hpp"
#include "services/connection/graph/memory_graph.hpp"
#include "services/connection/graph/neo4j_graph.hpp"

namespace guildhall::connection {

/// The social graph's engine that the configuration chooses: Neo4j, or this process's memory with a snapshot in the
/// data folder.
class GraphEngine {
public:
    explicit GraphEngine(const GraphEngineOptions& options);

    /// The one that was chosen.
    Graph& graph();
    /// Null when it is Neo4j.
    MemoryGraph* own() { return own_ ? &*own_ : nullptr; }

    /// Reads the snapshot of the last clean end, if there is one of use: the graph then answers with what it says until
    /// it is compared with the tables. Removes the snapshot; with Neo4j that is all.
    void load();
    /// Writes one at the end, unless the graph is Neo4j, or not `is_whole`: not compared with the tables. Says in the
    /// log what went wrong.
    void save(bool is_whole);
    /// Has Neo4j compile the questions, if it has not since it was last found unavailable. The first call tries it in
    /// any case, later ones only while Neo4j answers. Not to be called twice at once. Throws Unavailable.
    Task<void> warm_up();
    /// Gives up what is asked of Neo4j.
    void stop();

    /// What /readyz asks of it: whether it answers and has compiled the questions. Nothing when it is this process's
    /// own.
    std::optional<service::Dependency> dependency();

private:
    Task<bool> answers();

    const std::filesystem::path snapshot_;
    std::optional<Pool> pool_;  // of own_
    std::optional<MemoryGraph> own_;
    std::optional<http::Client> http_;
    std::optional<neo4j::Client> client_;
    std::optional<Neo4jGraph> shared_;
    bool was_tried_ = false;  // by warm_up()
    std::atomic<bool> is_warm_{false};
};

}  // namespace guildhall::connection
