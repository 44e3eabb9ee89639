#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "platform/http/server.hpp"

namespace guildhall::test {

/// An HTTP server on a free port, with its own threads. No session is revoked, and only internal tokens are known.
class HttpServer {
public:
    /// `add_routes` binds the routes. What they refer to must outlive this.
    explicit HttpServer(const std::function<void(http::Router&)>& add_routes, std::uint16_t port = 0,
                        std::size_t threads = 1)
        : tokens_("test", clock_), limiter_({{kNoLimit, kNoLimit, kNoLimit}}, clock_), ids_(clock_, 1) {
        add_routes(router_);
        router_.freeze();
        http::ServerOptions options;
        options.port = port;
        options.access_log = false;
        options.max_visitor_body_bytes = options.max_body_bytes;  // tests of clients send large bodies without a token
        server_ = std::make_unique<http::Server>(options, router_, tokens_, revocations_, limiter_, clock_, ids_);
        std::vector<boost::asio::io_context*> contexts;
        for (std::size_t i = 0; i < threads; ++i)
            contexts.push_back(contexts_.emplace_back(std::make_unique<boost::asio::io_context>(1)).get());
        server_->start(contexts);
        for (auto* io : contexts) threads_.emplace_back([io] { io->run(); });
    }
    ~HttpServer() {
        server_->drain(std::chrono::milliseconds(200));
        for (auto& io : contexts_) io->stop();
        for (auto& thread : threads_) thread.join();
    }
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const { return server_->port(); }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
    const http::Router& router() const { return router_; }

private:
    class NoRevocations final : public http::Revocations {
    public:
        bool is_revoked(const http::AccessClaims& /*claims*/) const override { return false; }
    };
    static constexpr http::RateLimit kNoLimit{1'000'000, std::chrono::seconds(1)};

    SystemClock clock_;
    http::Router router_{"test"};
    http::AccessTokens tokens_;
    NoRevocations revocations_;
    http::MemoryRateLimiter limiter_;
    IdGenerator ids_;
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
    std::unique_ptr<http::Server> server_;
    std::vector<std::thread> threads_;
};

}  // namespace guildhall::test
