#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "platform/base/result.hpp"
#include "platform/http/circuit_breaker.hpp"
#include "platform/http/client.hpp"
#include "platform/http/internal_token.hpp"
#include "platform/json/read.hpp"
#include "platform/json/write.hpp"

namespace guildhall::http {

/// Calls the internal routes of another service on behalf of service `issuer`. Takes its replicas in turn; when one is
/// unavailable, the next, within a retry budget. The routes only read, so a request may be sent twice. Thread-safe.
class ServiceClient {
public:
    /// Which service asks which; `client` and `tokens` outlive this.
    struct Route {
        std::string issuer;
        std::string audience;
        std::vector<std::string> urls;  // of its replicas, at least one: "http://user:8080"
        std::string peer = {};          // the client's name for it; empty: the audience
    };
    ServiceClient(Client& client, const InternalTokens& tokens, Route route);
    ServiceClient(ServiceClient&& other) noexcept;

    /// Sends POST /internal/v1/<audience>/<path> on behalf of member `subject`, or of nobody (0). Throws Unavailable
    /// when there is no answer, it is a refusal, or it cannot be read. Unknown members of the answer are ignored.
    template <json::Described Answer, json::Described Question>
    Task<Answer> ask(std::string_view path, UserId subject, const Question& question) {
        std::string body = json::to_json(question);
        const Sent sent = co_await send(path, subject, std::move(body));
        co_return read<Answer>(path, sent.body);
    }

    /// An answer, and whether the caller may cache it.
    template <class Answer>
    struct Cacheable {
        Answer answer;
        bool is_cacheable;
    };
    /// The same for callers that cache answers.
    template <json::Described Answer, json::Described Question>
    Task<Cacheable<Answer>> ask_to_cache(std::string_view path, UserId subject, const Question& question) {
        std::string body = json::to_json(question);
        const Sent sent = co_await send(path, subject, std::move(body));
        co_return Cacheable<Answer>{read<Answer>(path, sent.body), !sent.may_be_stale};
    }

private:
    struct Sent {
        std::string body;
        bool may_be_stale;
    };
    Task<Sent> send(std::string_view path, UserId subject, std::string body);
    ClientRequest request_to(std::size_t replica, std::string_view path, UserId subject) const;
    [[noreturn]] void fail(std::string_view path, const std::string& why) const;
    template <json::Described Answer>
    Answer read(std::string_view path, std::string_view text) const {
        unsigned char scratch[4096];
        boost::json::monotonic_resource memory(scratch, sizeof scratch);
        const auto document = json::parse(text, &memory);
        if (!document) fail(path, document.error().detail);
        Answer answer{};
        json::Faults faults;
        json::read(*document, answer, json::Place{}, faults);
        for (const Fault& fault : faults.take())
            if (fault.code != "unknown") fail(path, fault.pointer + " " + fault.detail);
        return answer;
    }

    Client& client_;
    const InternalTokens& tokens_;
    const Route route_;
    std::atomic<std::size_t> next_{0};
    RetryBudget retry_budget_;  // of what one replica did not answer
};

}  // namespace guildhall::http
