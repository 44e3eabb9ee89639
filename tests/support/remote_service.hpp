#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "platform/http/client.hpp"
#include "platform/http/internal_token.hpp"
#include "platform/http/service_client.hpp"
#include "support/http_server.hpp"

namespace guildhall::test {

/// The internal routes of a service behind a real socket, with a client for them: like another process, but in this
/// one.
class RemoteService {
public:
    /// `add_internal_routes` binds the routes of service `name`.
    RemoteService(std::string name,
                  const std::function<void(http::Router&, const http::InternalTokens&)>& add_internal_routes)
        : name_(std::move(name)) {
        const auto bind = [&](http::Router& router) {
            router.set_service(name_);
            add_internal_routes(router, tokens_);
            router.carry_calls(std::chrono::seconds(10));  // like a process that calls others
        };
        server_.emplace(bind);
        url_ = server_->url();
    }

    http::ServiceClient client() { return {client_, tokens_, {"test", name_, {url_}}}; }
    /// From now on the service is unavailable.
    void stop_server() { server_.reset(); }

private:
    std::string name_;
    SystemClock clock_;
    http::InternalTokens tokens_{{std::string(32, 's')}, clock_};
    std::optional<HttpServer> server_;
    std::string url_;
    http::Client client_;
};

}  // namespace guildhall::test
