#include "app/neighbours.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "app/services.hpp"
#include "platform/async/ask_all.hpp"
#include "platform/async/upkeep.hpp"
#include "platform/base/text.hpp"

namespace guildhall::app {
namespace {

constexpr std::chrono::milliseconds kNeighbourPingDeadline{800};  // less than kReadyDeadline
constexpr std::chrono::minutes kClockDifference{1};               // between two processes, at most

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : "+") + name;
    return out;
}

}  // namespace

Neighbours::Neighbours(const Config& config, Engines& engines)
    : config_(config), engines_(engines), name_(joined(config.services.run)) {
    const auto asks = [&](std::string_view service) { return asks_other_process(config.services, service); };
    if (asks(kSessionsService))
        // Only the primary knows the ended sessions. While it is unavailable this fails each second, which says nothing
        // of the questions that a replica answers: so it is a peer of its own.
        sessions_.emplace(client_of(kSessionsService, "user sessions"), engines.tokens, engines.clock,
                          config.user.access_token_ttl + kClockDifference);
    if (asks("user")) directory_.emplace(client_of("user"), engines.coherence);
    if (asks("connection")) network_.emplace(client_of("connection"), engines.coherence);
}

http::ServiceClient Neighbours::client_of(std::string_view service, std::string peer) const {
    return {engines_.client,
            *engines_.internal_tokens,
            {name_, std::string(service), config_.services.urls_of(service), std::move(peer)}};
}

Task<bool> Neighbours::is_alive(std::string service, std::string url) {
    http::ClientRequest request;
    request.peer = std::move(service);
    request.peer.append(" at ").append(url);
    request.url = url + "/livez";
    request.deadline = kNeighbourPingDeadline;
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
    std::vector<Question> questions;
    for (const std::string& url : config_.services.urls_of(service))
        questions.push_back({"life of " + service, is_alive(service, url)});
    const std::vector<bool> alive = co_await ask_all(asking_, std::move(questions), 1, kNeighbourPingDeadline);
    co_return std::ranges::count(alive, true) > 0;
}

std::vector<service::Dependency> Neighbours::dependencies() {
    std::vector<service::Dependency> out;
    if (sessions_)
        // Without keys nobody can be let in; once known they stay.
        out.push_back({"keys of access tokens", "nobody can be signed in here", true,
                       [this]() -> Task<bool> { co_return sessions_->refreshed_at() > Time{}; }});
    for (const ServiceRow& row : services()) {
        if (!asks_other_process(config_.services, row.name)) continue;
        const std::string name(row.name);
        out.push_back({"service:" + name, std::string(row.without), false, [this, name] { return answers(name); }});
    }
    return out;
}

Task<void> Neighbours::maintain() {
    if (sessions_) co_await run_upkeep("sessions and keys", sessions_->refresh());
    if (directory_) directory_->expire();
    if (network_) network_->expire();
}

}  // namespace guildhall::app
