#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/http/client.hpp"
#include "platform/neo4j/answer.hpp"
#include "platform/neo4j/query.hpp"
#include "platform/neo4j/settings.hpp"

namespace guildhall::neo4j {

/// Neo4j over the transactional endpoint of its HTTP API: the steps of a request are one transaction and one round trip. Thread-safe.
class Client {
public:
    /// Whether a request only reads.
    enum class Access { read, write };

    /// `http` bounds the size of answers, and leaves the engine alone while it is away; it outlives this.
    Client(http::Client& http, const Settings& settings);

    /// Runs `steps` in order, all or none, within `deadline` (never beyond that of the current Call); the engine gives up a little before. What failed for
    /// a reason that passes, a deadlock for one, is tried again within the deadline. So may be what the connection was lost over: `steps` must be such
    /// that running them twice does no harm.
    /// Throws Unavailable when the engine is away, too slow, refuses us or cannot; it may have run them nevertheless. std::logic_error when a statement is
    /// wrong; Corrupt when the answer is not understood.
    Task<Answer> run(std::vector<Step> steps, Access access, std::chrono::milliseconds deadline);

private:
    Task<Answer> send(const std::vector<Step>& steps, const std::string& body, Access access,
                      std::chrono::milliseconds left);

    http::Client& http_;
    const std::string url_;
    std::string authorization_;  // empty: none
};

}  // namespace guildhall::neo4j
