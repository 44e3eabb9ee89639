#include "app/neighbours.hpp"

#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "platform/async/upkeep.hpp"
#include "platform/base/text.hpp"

namespace guildhall::app {
namespace {

constexpr std::chrono::milliseconds kPingDeadline{800};  // less than kReadyDeadline
constexpr std::chrono::minutes kClockDifference{1};      // between two processes, at most

/// What was asked of the replicas of a service at once. Shared: some answer when nobody waits for them any more.
struct Asked {
    Asked(const boost::asio::any_io_executor& executor, std::size_t replicas)
        : end(executor, boost::asio::steady_timer::time_point::max()), waiting(replicas) {}
    boost::asio::steady_timer end;
    std::size_t waiting;
    bool is_answered = false;
};

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : "+") + name;
    return out;
}

}  // namespace

Neighbours::Neighbours(const Config& config, Engines& engines)
    : config_(config), engines_(engines), name_(joined(config.services.run)) {
    const Config::Services& services = config.services;
    if (!services.runs("user")) {
        // Only the primary knows the ended sessions. While it is away this fails each second, which says nothing of the questions that a replica answers.
        sessions_.emplace(client_of("user", "user sessions"), engines.tokens, engines.clock,
                          config.auth.access_token_ttl + kClockDifference);
        if (services.runs("connection") || services.runs("post"))
            directory_.emplace(client_of("user"), engines.coherence);
    }
    if (!services.runs("connection") && (services.runs("user") || services.runs("post")))
        network_.emplace(client_of("connection"), engines.coherence);
}

http::ServiceClient Neighbours::client_of(const std::string& service, std::string peer) const {
    return {engines_.client,
            *engines_.internal_tokens,
            {name_, service, config_.services.urls_of(service), std::move(peer)}};
}

Task<bool> Neighbours::is_alive(std::string service, std::string url) {
    http::ClientRequest request;
    request.peer = std::move(service);
    request.peer.append(" at ").append(url);
    request.url = url + "/livez";
    request.deadline = kPingDeadline;
    request.is_idempotent = true;
    try {
        const auto response = co_await engines_.client.send(std::move(request));
        co_return response.status == 200;
    } catch (const Unavailable&) {
        co_return false;
    }
}

// True with the first replica that answers.
Task<bool> Neighbours::answers(std::string service) {
    const auto executor = co_await boost::asio::this_coro::executor;
    const auto& urls = config_.services.urls_of(service);
    const auto asked = std::make_shared<Asked>(executor, urls.size());
    for (const std::string& url : urls) {
        const auto ask = [](std::shared_ptr<Asked> shared, Task<bool> answer) -> Task<void> {
            const bool is_there = co_await std::move(answer);
            shared->is_answered = shared->is_answered || is_there;
            if (--shared->waiting == 0 || is_there) shared->end.cancel();
        };
        asking_.spawn(executor, "life of " + service, ask(asked, is_alive(service, url)));
    }
    boost::system::error_code cancelled;
    if (asked->waiting > 0 && !asked->is_answered)
        co_await asked->end.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    co_return asked->is_answered;
}

std::vector<Dependency> Neighbours::dependencies() {
    std::vector<Dependency> out;
    if (sessions_) {
        // Without keys nobody can be let in; once known they stay.
        out.push_back({"keys of access tokens", "nobody can be signed in here", true,
                       [this]() -> Task<bool> { co_return sessions_->refreshed_at() > Time{}; }});
        out.push_back({"service:user", "names are those of the last minutes; what is not known here answers 503", false,
                       [this] { return answers("user"); }});
    }
    if (network_)
        out.push_back({"service:connection",
                       "feeds and what only connections may see answer 503, degrees are not known", false,
                       [this] { return answers("connection"); }});
    return out;
}

Task<void> Neighbours::maintain() {
    if (sessions_) co_await keep_up("sessions and keys", sessions_->refresh());
    if (directory_) directory_->expire();
    if (network_) network_->expire();
}

}  // namespace guildhall::app
