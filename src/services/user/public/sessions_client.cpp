#include "services/user/public/sessions_client.hpp"

#include <utility>

namespace guildhall::user {

SessionsClient::SessionsClient(http::ServiceClient service, http::AccessTokens& tokens, const Clock& clock,
                               std::chrono::seconds memory)
    : service_(std::move(service)),
      tokens_(tokens),
      clock_(clock),
      revocations_([this](RevokedSession last) { return ask(last); }, clock, memory) {}

Task<void> SessionsClient::refresh() {
    const Time now = clock_.now();
    co_await revocations_.load();
    refreshed_at_ = to_micros(now);
}

Task<SessionRevocations::Page> SessionsClient::ask(RevokedSession last) {
    const SessionsQuestion question{last.revoked_at, last.id ? std::optional(last.id) : std::nullopt};
    auto answer = co_await service_.ask<SessionsAnswer>("sessions", UserId{}, question);
    if (!tokens_.set_keys(answer.jwks)) throw Unavailable("user sessions: the keys are no JWKS");
    co_return SessionRevocations::Page{std::move(answer.revoked), answer.has_more.value_or(false)};
}

}  // namespace guildhall::user
