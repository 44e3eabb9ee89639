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

/// Neo4j over the transactional endpoint of its HTTP API: the steps of a request are one transaction and one round
/// trip. Thread-safe.
class Client {
public:
    /// Whether a request only reads.
    enum class Access { read, write };

    /// `http` limits the size of answers and sends nothing while the engine is unavailable. It outlives this.
    Client(http::Client& http, const Settings& settings);

    /// Runs `steps` in order, all or none, within `deadline` and the deadline of the current Call; the engine stops
    /// slightly earlier. Retries within the deadline after a temporary failure, such as a deadlock, and after a lost
    /// connection: running `steps` twice must do no harm. Throws Unavailable when the engine is unavailable, too slow,
    /// or refuses; it may have run them nevertheless. Throws std::logic_error when a statement is wrong, and Corrupt
    /// when the answer is not understood.
    Task<Answer> run(std::vector<Step> steps, Access access, std::chrono::milliseconds deadline);

private:
    Task<Answer> send(const std::vector<Step>& steps, const std::string& body, Access access,
                      std::chrono::milliseconds left);

    http::Client& http_;
    const std::string url_;
    std::string authorization_;  // empty: no header
};

}  // namespace guildhall::neo4j
