#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include "platform/http/client.hpp"
#include "platform/neo4j/client.hpp"
#include "services/connection/graph/neo4j_graph.hpp"
#include "support/await.hpp"
#include "support/databases.hpp"
#include "support/processes.hpp"

namespace guildhall::test {

/// The URL of tests/engines/up-neo4j; null when it does not run.
inline const char* neo4j_url() { return std::getenv("GUILDHALL_TEST_NEO4J"); }

/// A Neo4j client with deadlines for a busy machine.
struct Neo4jClient {
    explicit Neo4jClient(const std::string& url) : http(options()), client(http, neo4j::parse_url(url)) {}

    /// Runs one statement without parameters.
    neo4j::Answer run(const std::string& text) {
        const neo4j::Query query("test", text);
        std::vector<neo4j::Step> steps{{query, "{}"}};
        return await(client.run(std::move(steps), neo4j::Client::Access::write, std::chrono::seconds(60)));
    }
    /// The number in the only row of a statement.
    std::int64_t number(const std::string& text) { return run(text).rows<std::int64_t>(0).at(0); }

    http::Client http;
    neo4j::Client client;

private:
    static http::ClientOptions options() {
        http::ClientOptions options;
        options.connect_deadline = std::chrono::seconds(5);
        options.max_answer_bytes = 64 << 20;
        return options;
    }
};

/// A graph of a test's own in the server of neo4j_url(), empty at first and taken away at the end. Its prefix is used
/// again by later ones of this process: the engine plans each statement again for names that it has not seen.
class Neo4jTestGraph {
public:
    Neo4jTestGraph() : connection_(neo4j_url()), prefix_(take_prefix()) {
        clear();
        graph_.emplace(connection_.client, options());
    }
    ~Neo4jTestGraph() {
        clear();
        const std::lock_guard lock(mutex());
        used().erase(prefix_);
    }
    Neo4jTestGraph(const Neo4jTestGraph&) = delete;
    Neo4jTestGraph& operator=(const Neo4jTestGraph&) = delete;

    connection::Graph& graph() { return *graph_; }
    Neo4jClient& connection() { return connection_; }
    /// The label of its members.
    std::string label() const { return prefix_ + "Member"; }
    /// What another graph needs to work on the same members.
    connection::Neo4jGraphOptions options() const {
        connection::Neo4jGraphOptions options;
        options.prefix = prefix_;
        options.read_deadline = options.write_deadline = std::chrono::seconds(60);
        return options;
    }

private:
    static std::mutex& mutex() {
        static std::mutex mutex;
        return mutex;
    }
    static std::set<std::string>& used() {
        static std::set<std::string> used;
        return used;
    }
    static std::string take_prefix() {
        const std::lock_guard lock(mutex());
        for (int i = 0;; ++i) {
            auto prefix = "T" + std::to_string(::getpid()) + "_" + std::to_string(i) + "_";
            if (used().insert(prefix).second) return prefix;
        }
    }
    void clear() { connection_.run("MATCH (m:" + label() + ") DETACH DELETE m"); }

    Neo4jClient connection_;
    const std::string prefix_;
    std::optional<connection::Neo4jGraph> graph_;
};

/// A Neo4j server for one test, which may stop and restart it (tests/engines/up-neo4j). Killed when this is destroyed.
class Neo4jServer {
public:
    /// Throws std::runtime_error with the script's output when it does not start.
    Neo4jServer() { start(); }
    ~Neo4jServer() { kill(); }
    Neo4jServer(const Neo4jServer&) = delete;
    Neo4jServer& operator=(const Neo4jServer&) = delete;

    const std::string& url() const { return url_; }
    void pause() const { ::kill(pid(), SIGSTOP); }
    void resume() const { ::kill(pid(), SIGCONT); }
    /// Stops it and returns when its port is free.
    void kill() const {
        const pid_t ended = pid();
        ::kill(ended, SIGKILL);
        wait_until([&] { return is_over(ended); });
    }
    /// Starts it, the second time on the same port with the same data.
    void start() {
        const std::string folder = folder_.path().string();
        const std::string command = (port_.empty() ? "" : "PORT=" + port_ + " ") + "DATA_DIR=" + folder +
                                    "/data STATE_DIR=" + folder + "/state tests/engines/up-neo4j";
        const std::string all = output_of(command);
        url_ = all.substr(all.find("http://"));
        url_.resize(url_.find('\n'));
        port_ = url_.substr(url_.rfind(':') + 1);
    }

private:
    pid_t pid() const {
        std::ifstream record(folder_.path() / "state" / "neo4j.pid");
        pid_t pid = 0;
        record >> pid;
        if (pid <= 0) throw std::runtime_error("no server");
        return pid;
    }

    TemporaryFolder folder_;
    std::string url_;
    std::string port_;
};

}  // namespace guildhall::test
