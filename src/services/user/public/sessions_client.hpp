#pragma once

#include <atomic>
#include <chrono>

#include "platform/base/clock.hpp"
#include "platform/http/access_token.hpp"
#include "platform/http/service_client.hpp"
#include "services/user/public/revocations.hpp"

namespace guildhall::user {

/// The keys of access tokens and the revoked sessions, for a process without the user service. Revocation reaches this
/// process within the interval of refresh() and the time of one request. Thread-safe.
class SessionsClient {
public:
    /// `tokens` is given its keys. `memory` is longer than any access token lives.
    SessionsClient(http::ServiceClient service, http::AccessTokens& tokens, const Clock& clock,
                   std::chrono::seconds memory);

    /// Asks for what is new. Once before serving, then at least every second, never twice at once. Throws Unavailable;
    /// then what is known stays.
    Task<void> refresh();

    const http::Revocations& revocations() const { return revocations_; }
    /// When refresh() last succeeded; 1970 when never.
    Time refreshed_at() const { return from_micros(refreshed_at_.load()); }

private:
    Task<SessionRevocations::Page> ask(RevokedSession last);

    http::ServiceClient service_;
    http::AccessTokens& tokens_;
    const Clock& clock_;
    SessionRevocations revocations_;
    std::atomic<std::int64_t> refreshed_at_{0};  // microseconds since 1970
};

}  // namespace guildhall::user
