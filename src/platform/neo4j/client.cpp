#include "platform/neo4j/client.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "platform/async/backoff.hpp"
#include "platform/async/call.hpp"
#include "platform/async/task_group.hpp"
#include "platform/base/base64.hpp"
#include "platform/base/result.hpp"

namespace guildhall::neo4j {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int kMostTries = 6;
constexpr std::chrono::milliseconds kFirstPause{10};
constexpr std::chrono::milliseconds kMostPause{300};
constexpr std::size_t kShownMessage = 300;

/// The reaction to a code. Source: Neo4j status codes: Neo.{ClientError,TransientError,DatabaseError}.Category.Title.
enum class Verdict { again, unavailable, defect };

Verdict verdict_on(std::string_view code) {
    // Of two concurrent requests, one deleted what the other was about to change, or made the index that the other was
    // about to make.
    if (code.starts_with("Neo.TransientError.") || code == "Neo.ClientError.Statement.EntityNotFound" ||
        code == "Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists" ||
        code == "Neo.ClientError.Schema.ConstraintAlreadyExists" || code == "Neo.ClientError.Schema.IndexAlreadyExists")
        return Verdict::again;
    for (const std::string_view ours :
         {"Neo.ClientError.Statement.", "Neo.ClientError.Schema.", "Neo.ClientError.Request."}) {
        if (code.starts_with(ours)) return Verdict::defect;
    }
    return Verdict::unavailable;
}

std::string names_of(const std::vector<Step>& steps) {
    std::string names;
    for (const auto& step : steps) names.append(names.empty() ? "" : ", ").append(step.query.name());
    return names;
}

std::string words_of(const std::vector<Step>& steps, const Failure& failure) {
    return "Neo4j, " + names_of(steps) + ": " + failure.code + ": " + failure.message.substr(0, kShownMessage);
}

std::string body_of(const std::vector<Step>& steps) {
    std::size_t size = 64;
    for (const auto& step : steps) size += step.query.json().size() + step.parameters.size() + 40;
    std::string body;
    body.reserve(size);
    body += "{\"statements\":[";
    for (const auto& step : steps) {
        if (&step != &steps.front()) body += ',';
        body.append("{\"statement\":").append(step.query.json());
        body.append(",\"parameters\":").append(step.parameters).append("}");
    }
    body += "]}";
    return body;
}

}  // namespace

Client::Client(http::Client& http, const Settings& settings)
    : http_(http), url_(settings.url + "/db/" + settings.database + "/tx/commit") {
    if (!settings.user.empty()) authorization_ = "Basic " + base64(settings.user + ":" + settings.password);
}

Task<Answer> Client::send(const std::vector<Step>& steps, const std::string& body, Access access,
                          std::chrono::milliseconds left) {
    http::ClientRequest request;
    // Too large answers must not prevent changes of the graph.
    request.peer = access == Access::read ? "neo4j reads" : "neo4j writes";
    request.method = "POST";
    request.url = url_;
    request.body = body;
    // The engine does not notice that a client has gone, so it needs the deadline.
    request.headers = {{"Content-Type", "application/json"},
                       {"Accept", "application/json"},
                       {"Access-Mode", access == Access::read ? "READ" : "WRITE"},
                       {"max-execution-time", std::to_string(std::max<std::int64_t>(left.count() * 9 / 10, 1))}};
    if (!authorization_.empty()) request.headers.emplace_back("Authorization", authorization_);
    request.deadline = left;
    request.is_idempotent = true;
    const http::ClientResponse response = co_await http_.send(std::move(request));
    if (response.status == 401 || response.status == 403)
        throw Unavailable("Neo4j refuses the user: " + std::to_string(response.status));
    if (response.status == 404) throw Unavailable("Neo4j has no such database");
    if (response.status / 100 != 2)
        throw Unavailable("Neo4j, " + names_of(steps) + ": answered " + std::to_string(response.status));
    co_return Answer(response.body);
}

Task<Answer> Client::run(std::vector<Step> steps, Access access, std::chrono::milliseconds deadline) {
    const auto start = Steady::now();
    auto end = start + deadline;
    if (const CallPointer call = co_await current_call()) end = std::min(end, call->deadline);
    const std::string body = body_of(steps);
    Backoff pause(kFirstPause, kMostPause);
    for (int tries = 1;; ++tries) {
        const auto left = std::chrono::floor<std::chrono::milliseconds>(end - Steady::now());
        Answer answer = co_await send(steps, body, access, std::max(left, std::chrono::milliseconds(0)));
        const Failure& failure = answer.failure();
        if (failure.code.empty()) {
            steps.back().query.duration().observe(Steady::now() - start);
            co_return answer;
        }
        const Verdict verdict = verdict_on(failure.code);
        if (verdict == Verdict::defect) throw std::logic_error(words_of(steps, failure));
        const auto wait = pause.next();
        if (verdict == Verdict::unavailable || tries == kMostTries || Steady::now() + wait >= end)
            throw Unavailable(words_of(steps, failure));
        co_await sleep_for(wait);
    }
}

}  // namespace guildhall::neo4j
