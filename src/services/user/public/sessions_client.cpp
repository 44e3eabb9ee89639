#include "services/user/public/sessions_client.hpp"

#include <utility>

namespace guildhall::user {

SessionsClient::SessionsClient(http::ServiceClient service, http::AccessTokens& tokens, const Clock& clock,
                               std::chrono::seconds memory)
    : service_(std::move(service)),
      tokens_(tokens),
      clock_(clock),
      revocations_([this](Time since) { return ask(since); }, clock, memory) {}

Task<void> SessionsClient::refresh() {
    const Time now = clock_.now();
    co_await revocations_.load();
    refreshed_at_ = to_micros(now);
}

Task<std::vector<RevokedSession>> SessionsClient::ask(Time since) {
    const SessionsQuestion question{since};
    auto answer = co_await service_.ask<SessionsAnswer>("sessions", UserId{}, question);
    if (!tokens_.set_keys(answer.jwks)) throw Unavailable("user sessions: the keys are no JWKS");
    co_return std::move(answer.revoked);
}

}  // namespace guildhall::user
