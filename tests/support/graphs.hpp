#pragma once

#include <memory>
#include <string>

#include "services/connection/graph/graph.hpp"
#include "services/connection/graph/memory_graph.hpp"
#include "support/neo4j.hpp"

namespace guildhall::connection::test {

/// The engines that the graph is tested on.
inline constexpr const char* kGraphEngines[] = {"memory", "neo4j"};

/// The reason why this engine cannot be tested; empty when it can.
inline std::string missing_graph(const std::string& engine) {
    if (engine != "neo4j" || guildhall::test::neo4j_url() != nullptr) return {};
    return "no server: tests/engines/up-neo4j starts one, and ./test does";
}

/// A fresh, empty graph that answers.
inline std::shared_ptr<Graph> make_graph(const std::string& engine) {
    if (engine == "neo4j") {
        auto made = std::make_shared<guildhall::test::Neo4jTestGraph>();
        return {made, &made->graph()};
    }
    struct InMemory {
        Pool pool{"graph", 2, 64};
        MemoryGraph graph{pool};
    };
    auto made = std::make_shared<InMemory>();
    made->graph.set_ready();
    return {made, &made->graph};
}

/// The number of random cases for this engine.
inline int cases_for(const std::string& engine, int in_memory, int over_a_network) {
    return engine == "memory" ? in_memory : over_a_network;
}

}  // namespace guildhall::connection::test
