#include "platform/http/service_client.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/beast/core/string.hpp>

#include "platform/async/call.hpp"

namespace guildhall::http {
namespace {

// Short: the callers have to answer requests themselves.
constexpr std::chrono::milliseconds kDeadline{2000};

}  // namespace

ServiceClient::ServiceClient(Client& client, const InternalTokens& tokens, Route route)
    : client_(client), tokens_(tokens), route_(std::move(route)) {}

ServiceClient::ServiceClient(ServiceClient&& other) noexcept
    : client_(other.client_), tokens_(other.tokens_), route_(other.route_) {}

void ServiceClient::fail(std::string_view path, const std::string& why) const {
    throw Unavailable(route_.audience + " " + std::string(path) + ": " + why);
}

ClientRequest ServiceClient::request_to(std::size_t replica, std::string_view path, UserId subject) const {
    ClientRequest request;
    // Each replica has its own breaker.
    request.peer = (route_.peer.empty() ? route_.audience : route_.peer) +
                   (route_.urls.size() > 1 ? "/" + std::to_string(replica) : "");
    request.method = "POST";
    request.url = route_.urls[replica] + "/internal/v1/" + route_.audience + "/" + std::string(path);
    request.headers = {{"Content-Type", "application/json"},
                       {"Authorization", "Bearer " + tokens_.sign({route_.issuer, route_.audience, subject})}};
    request.is_idempotent = true;
    return request;
}

Task<ServiceClient::Sent> ServiceClient::send(std::string_view path, UserId subject, std::string body) {
    auto end = std::chrono::steady_clock::now() + kDeadline;
    const CallPointer call = co_await current_call();
    if (call) end = std::min(end, call->deadline);
    const std::size_t replicas = route_.urls.size();
    retry_budget_.deposit();
    const std::size_t first = replicas > 1 ? next_.fetch_add(1, std::memory_order_relaxed) : 0;
    for (std::size_t tried = 1;; ++tried) {
        const auto left = std::chrono::floor<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        // A replica that hangs must leave time for the others.
        const auto deadline = std::max(left, std::chrono::milliseconds(0)) / (replicas - tried + 1);
        ClientRequest request = request_to((first + tried) % replicas, path, subject);
        request.deadline = deadline;
        request.headers.emplace_back(kDeadlineHeader, std::to_string(deadline.count()));
        if (call && call->reads_only) request.headers.emplace_back(kReadsOnlyHeader, "1");
        const bool is_last = tried == replicas;
        request.body = is_last ? std::move(body) : body;
        std::optional<ClientResponse> response;
        try {
            response = co_await client_.send(std::move(request));
        } catch (const NotSent&) {
            if (is_last) throw;
            continue;  // no server was burdened
        } catch (const Unavailable&) {
            if (is_last || !retry_budget_.withdraw(std::chrono::steady_clock::now())) throw;
            continue;
        }
        // The other replicas would refuse it, too.
        if (response->status != 200)
            fail(path, "answered " + std::to_string(response->status) + ": " + response->body.substr(0, 256));
        const bool may_be_stale = std::ranges::any_of(response->headers, [](const auto& header) {
            return boost::beast::iequals(header.first, kMayBeStaleHeader);  // a proxy may have changed the case
        });
        if (may_be_stale && call) call->may_be_stale.set();
        co_return Sent{std::move(response->body), may_be_stale};
    }
}

}  // namespace guildhall::http
