#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/http/access_token.hpp"
#include "services/user/public/internal_api.hpp"

namespace guildhall::user {

/// The sessions that ended while access tokens of theirs may live. The truth is in the user service's SQL; this set
/// follows it: at once for what ends here, at each load() for what ends in other processes. Thread-safe.
class SessionRevocations final : public http::Revocations {
public:
    /// Some sessions in the order of time and id.
    struct Page {
        std::vector<RevokedSession> sessions;
        bool has_more;
    };
    /// Gives the sessions that come after `last` in that order. Throws Unavailable.
    using Source = std::function<Task<Page>(RevokedSession last)>;

    /// Remembers a session for `memory`, which is longer than any access token lives.
    SessionRevocations(Source source, const Clock& clock, std::chrono::seconds memory);

    /// Free of locks while the session's bit is not set, which is nearly always: asked on every signed-in request.
    bool is_revoked(const http::AccessClaims& claims) const override;

    /// The session is dead from now on. Call after the commit that ended it.
    void add(SessionId session, Time revoked_at);

    /// Takes over what the source has got since the last load, and forgets what is old. Throws Unavailable.
    Task<void> load();

private:
    // A Bloom filter with one hash: 65,536 bits are 8 KiB, and 1,000 sessions revoked in a quarter of an hour send 1.5
    // % of requests to the lock.
    static constexpr std::size_t kBits = 1 << 16;
    using Filter = std::array<std::atomic<std::uint64_t>, kBits / 64>;
    void set_bit(SessionId session);
    void forget_before(Time time);

    const Source source_;
    const Clock& clock_;
    const std::chrono::seconds memory_;
    Time loaded_until_{};
    Filter filter_{};
    mutable std::shared_mutex mutex_;
    std::unordered_map<SessionId, Time> revoked_;
};

}  // namespace guildhall::user
