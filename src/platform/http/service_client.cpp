#include "platform/http/service_client.hpp"

#include <algorithm>
#include <utility>

#include "platform/async/call.hpp"

namespace guildhall::http {
namespace {

// Little: those who ask answer somebody themselves.
constexpr std::chrono::milliseconds kDeadline{2000};

}  // namespace

ServiceClient::ServiceClient(Client& client, const InternalTokens& tokens, Route route)
    : client_(client), tokens_(tokens), route_(std::move(route)) {}

void ServiceClient::fail(std::string_view path, const std::string& why) const {
    throw Unavailable(route_.audience + " " + std::string(path) + ": " + why);
}

Task<std::string> ServiceClient::send(std::string_view path, UserId subject, std::string body) {
    auto deadline = kDeadline;
    if (const CallPointer call = co_await current_call(); call && call->deadline != Call::Deadline::max()) {
        const auto left =
            std::chrono::floor<std::chrono::milliseconds>(call->deadline - std::chrono::steady_clock::now());
        deadline = std::clamp(left, std::chrono::milliseconds(0), kDeadline);
    }
    ClientRequest request;
    request.peer = route_.audience;
    request.method = "POST";
    request.url = route_.url + "/internal/v1/" + route_.audience + "/" + std::string(path);
    request.body = std::move(body);
    request.headers = {{"Content-Type", "application/json"},
                       {"Authorization", "Bearer " + tokens_.sign({route_.issuer, route_.audience, subject})},
                       {kDeadlineHeader, std::to_string(deadline.count())}};
    request.deadline = deadline;
    request.is_idempotent = true;
    Response response = co_await client_.send(std::move(request));
    if (response.status != 200)
        fail(path, "answered " + std::to_string(response.status) + ": " + response.body.substr(0, 256));
    co_return std::move(response.body);
}

}  // namespace guildhall::http
