#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/cache/expiring.hpp"
#include "platform/http/service_client.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::user {

/// The Directory of another process. What it says is kept for a short time, so an answer may be older than the truth by the times of Options when
/// no event comes; with events (forget_…) by their delay. Thread-safe.
class DirectoryClient final : public Directory {
public:
    /// How long and how much of it is kept.
    struct Options {
        std::chrono::milliseconds cards_ttl{30'000};
        std::chrono::milliseconds hidden_ttl{5'000};
        std::size_t max_cards = 100'000;
        std::size_t max_hidden_bytes = 16 << 20;
        std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;  // for tests
    };
    explicit DirectoryClient(http::ServiceClient service) : DirectoryClient(std::move(service), Options{}) {}
    DirectoryClient(http::ServiceClient service, const Options& options);

    Task<std::vector<CardPointer>> cards(std::vector<UserId> ids) override;
    Task<std::shared_ptr<const UserSet>> hidden_from(UserId user) override;
    Task<UserSet> blocked_by(UserId user, std::vector<UserId> others) override;
    Task<bool> exists(UserId user) override;
    Task<std::vector<UserId>> ids_of_handles(std::vector<std::string> handles) override;

    /// On user.profile_changed and on the end of the account.
    void forget_profile(UserId user) { cards_.invalidate(user); }
    /// On user.blocked and user.unblocked.
    void forget_hidden(UserId one, UserId other) {
        hidden_.invalidate(one);
        hidden_.invalidate(other);
    }
    /// Retires what has expired, for those who keep cards; at least every second.
    void expire() {
        cards_.expire();
        hidden_.expire();
    }

private:
    http::ServiceClient service_;
    cache::Expiring<UserId, CardRecord> cards_;
    cache::Expiring<UserId, UserSet> hidden_;
};

}  // namespace guildhall::user
