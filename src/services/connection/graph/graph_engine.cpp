#include "services/connection/graph/graph_engine.hpp"

#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "platform/base/result.hpp"

namespace guildhall::connection {
namespace {

constexpr std::size_t kGraphThreads = 2;
constexpr std::size_t kGraphQueue = 256;
constexpr std::chrono::milliseconds kDegreesMayLag{1000};
constexpr std::size_t kMostAnswerBytes = 32 << 20;
constexpr std::chrono::milliseconds kPingDeadline{800};  // less than what /readyz waits

}  // namespace

GraphEngine::GraphEngine(const GraphEngineOptions& options) : snapshot_(options.folder / "graph.snapshot") {
    if (options.url.empty()) {
        pool_.emplace("graph", kGraphThreads, kGraphQueue);
        own_.emplace(*pool_, kDegreesMayLag);
        return;
    }
    http::ClientOptions bounds;
    bounds.max_answer_bytes = kMostAnswerBytes;
    http_.emplace(bounds);
    client_.emplace(*http_, neo4j::parse_url(options.url));
    Neo4jGraphOptions names;
    names.prefix = options.prefix;
    names.read_deadline = options.question_deadline;
    shared_.emplace(*client_, std::move(names));
}

Graph& GraphEngine::graph() {
    if (own_) return *own_;
    return *shared_;
}

void GraphEngine::load() {
    std::error_code failure;
    if (!std::filesystem::exists(snapshot_, failure)) return;
    try {
        if (own_) {
            own_->load(snapshot_);
            own_->set_ready();
        }
    } catch (const std::exception& why) {
        spdlog::warn("the snapshot of the social graph is of no use, the graph is rebuilt: {}", why.what());
    }
    // Once only: after a crash, or some time with another graph, it would say what was hidden since.
    std::filesystem::remove(snapshot_, failure);
    if (failure) spdlog::warn("{}: {}", snapshot_.string(), failure.message());
}

void GraphEngine::save(bool is_whole) {
    if (!own_ || !is_whole) return;
    try {
        own_->save(snapshot_);
    } catch (const std::exception& failure) {
        spdlog::warn("no snapshot of the social graph: {}", failure.what());
    }
}

void GraphEngine::stop() {
    if (http_) http_->stop();
}

Task<void> GraphEngine::warm_up() {
    if (!shared_ || is_warm_) co_return;
    if (std::exchange(was_tried_, true)) {
        const bool is_up = co_await answers();
        if (!is_up) co_return;
    }
    co_await shared_->warm_up();
    is_warm_ = true;
}

Task<bool> GraphEngine::answers() {
    static const neo4j::Query kPing("graph.ping", "RETURN 1");
    std::vector<neo4j::Step> steps{{kPing, "{}"}};
    try {
        co_await client_->run(std::move(steps), neo4j::Client::Access::read, kPingDeadline);
    } catch (const Unavailable&) {
        co_return false;
    }
    co_return true;
}

std::optional<service::Dependency> GraphEngine::dependency() {
    if (own_) return std::nullopt;
    return service::Dependency{"neo4j", "suggestions, introduction paths and degrees beyond connections answer 503",
                               false, [this]() -> Task<bool> {
                                   const bool is_up = co_await answers();
                                   if (!is_up) is_warm_ = false;  // after a restart it has compiled nothing
                                   co_return is_warm_.load();
                               }};
}

}  // namespace guildhall::connection
