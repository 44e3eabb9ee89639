#include "platform/http/server.hpp"

#include <functional>
#include <utility>

#include <boost/asio/post.hpp>
#include <unistd.h>

#include "platform/base/metrics.hpp"
#include "platform/http/worker.hpp"

namespace guildhall::http {
namespace {

constexpr std::size_t kMaxLogBytes = 8 << 20;  // lines of the access log that wait for its reader
constexpr std::chrono::seconds kLastSessions{1};

void publish(std::function<double()> connections, std::function<double()> received_bytes) {
    metrics::gauge_callback("guildhall_http_connections", "Open connections", {}, std::move(connections));
    metrics::gauge_callback("guildhall_http_received_bytes",
                            "Memory for requests that are received or handled, of http.max_received_bytes", {},
                            std::move(received_bytes));
}

}  // namespace

struct Server::State {
    ServerContext context;
    std::vector<std::unique_ptr<Worker>> workers;
    std::uint16_t port = 0;
};

Server::Server(ServerOptions options, const Router& router, const AccessTokens& tokens, const Revocations& revocations,
               RateLimiter& limiter, const Clock& clock, IdGenerator& request_ids) {
    Dispatcher dispatcher({options.compress_from_bytes, options.max_body_bytes, options.max_visitor_body_bytes,
                           options.trusted_proxies, options.cors_origins},
                          router, tokens, revocations, limiter, clock, request_ids);
    auto log = options.access_log ? std::make_unique<BlockWriter>(STDOUT_FILENO, kMaxLogBytes) : nullptr;
    state_.reset(new State{{std::move(options), std::move(dispatcher), clock, std::move(log)}, {}});
}

Server::~Server() {
    publish([] { return 0.0; }, [] { return 0.0; });
}

void Server::start(const std::vector<boost::asio::io_context*>& contexts) {
    state_->port = state_->context.options.port;
    for (boost::asio::io_context* io : contexts) {
        auto& worker = *state_->workers.emplace_back(std::make_unique<Worker>(*io, state_->context));
        state_->port = worker.open(state_->port, state_->workers.size() == 1);
    }
    for (auto& worker : state_->workers) worker->start();
    publish([&open = state_->context.connections] { return static_cast<double>(open.count()); },
            [&budget = state_->context.budget] { return static_cast<double>(budget.used()); });
}

std::uint16_t Server::port() const { return state_->port; }

void Server::announce_drain() { state_->context.phase = ServerPhase::closing; }

void Server::drain(std::chrono::milliseconds limit) {
    ServerContext& context = state_->context;
    context.phase = ServerPhase::draining;
    for (auto& worker : state_->workers) boost::asio::post(worker->io(), [&worker] { worker->drain(); });
    context.connections.wait_for_none(limit);
    for (auto& worker : state_->workers) boost::asio::post(worker->io(), [&worker] { worker->stop(); });
    context.connections.wait_for_none(kLastSessions);
}

}  // namespace guildhall::http
