#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "platform/cache/expiring.hpp"
#include "platform/http/service_client.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::user {

/// The Directory of another process. What it says is kept while `coherence` is live, so that it is as exact as asking
/// each time, and no longer than the time of Options. Thread-safe.
class DirectoryClient final : public Directory {
public:
    /// How long and how much of it is kept.
    struct Options {
        std::chrono::milliseconds ttl{600'000};
        std::size_t max_cards = 100'000;
        std::size_t max_hidden_bytes = 64 << 20;
        std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;  // for tests
    };
    DirectoryClient(http::ServiceClient service, cache::Coherence& coherence)
        : DirectoryClient(std::move(service), coherence, Options{}) {}
    DirectoryClient(http::ServiceClient service, cache::Coherence& coherence, const Options& options);

    Task<std::vector<CardPointer>> cards(std::vector<UserId> ids) override;
    Task<std::shared_ptr<const UserSet>> hidden_from(UserId user) override;
    Task<UserSet> blocked_by(UserId user, std::vector<UserId> others) override;
    Task<bool> exists(UserId user) override;
    Task<std::vector<Traits>> traits(std::vector<UserId> ids) override;
    Task<bool> has_email(UserId user, std::string email) override;
    Task<std::vector<UserId>> ids_of_handles(std::vector<std::string> handles) override;

    /// Retires what has expired, for those who keep cards; now and then.
    void expire() {
        cards_.expire();
        hidden_.expire();
    }

private:
    http::ServiceClient service_;
    cache::Expiring<UserId, CardRecord> cards_;
    cache::Expiring<UserId, UserSet> hidden_;
    const std::unique_ptr<cache::Coherence::Registration> cards_registration_;
    const std::unique_ptr<cache::Coherence::Registration> hidden_registration_;
};

}  // namespace guildhall::user
