#include "services/user/public/directory_client.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "services/user/public/cache_kinds.hpp"
#include "services/user/public/internal_api.hpp"

namespace guildhall::user {
namespace {

std::size_t weight_of(const UserSet& users) { return sizeof users + users.size() * 4 * sizeof(void*); }

UserSet set_of(const UsersAnswer& answer) { return {answer.ids.begin(), answer.ids.end()}; }

}  // namespace

DirectoryClient::DirectoryClient(http::ServiceClient service, cache::Coherence& coherence, const Options& options)
    : service_(std::move(service)),
      cards_(
          options.max_cards, options.ttl, [](const CardRecord&) -> std::size_t { return 1; }, options.now,
          coherence.live()),
      hidden_(options.max_hidden_bytes, options.ttl, weight_of, options.now, coherence.live()),
      cards_registration_(cache::keep_coherent(coherence, kCardKind, cards_)),
      hidden_registration_(cache::keep_coherent(coherence, kHiddenKind, hidden_)) {}

Task<std::vector<CardPointer>> DirectoryClient::cards(std::vector<UserId> ids) {
    std::vector<CardPointer> found(ids.size());
    UsersQuestion question;
    auto& missing = question.ids.items;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        found[i] = cards_.find(ids[i]);
        if (!found[i] && ids[i]) missing.push_back(ids[i]);
    }
    if (missing.empty()) co_return found;
    std::ranges::sort(missing);
    missing.erase(std::ranges::unique(missing).begin(), missing.end());
    std::unordered_map<UserId, cache::Expiring<UserId, CardRecord>::Ticket> tickets;
    for (const UserId id : missing) tickets.emplace(id, cards_.ticket(id));

    auto [answer, is_cacheable] = co_await service_.ask_to_cache<CardsAnswer>("cards", UserId{}, question);
    std::unordered_map<UserId, CardPointer> read;
    for (Card& card : answer.cards) {
        const UserId id = card.id;
        const auto ticket = tickets.find(id);
        if (ticket == tickets.end()) continue;
        auto record = std::make_shared<const CardRecord>(std::move(card));
        if (is_cacheable)
            cards_.put(id, record, ticket->second);
        else
            record->retire();
        read.emplace(id, std::move(record));
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (found[i]) continue;
        if (const auto card = read.find(ids[i]); card != read.end()) found[i] = card->second;
    }
    co_return found;
}

Task<std::shared_ptr<const UserSet>> DirectoryClient::hidden_from(UserId user) {
    if (!user) co_return std::make_shared<const UserSet>();
    if (auto warm = hidden_.find(user)) co_return warm;
    const auto ticket = hidden_.ticket(user);
    const HiddenQuestion question;
    const auto [answer, is_cacheable] = co_await service_.ask_to_cache<UsersAnswer>("hidden", user, question);
    auto hidden = std::make_shared<const UserSet>(set_of(answer));
    if (is_cacheable) hidden_.put(user, hidden, ticket);
    co_return hidden;
}

Task<UserSet> DirectoryClient::blocked_by(UserId user, std::vector<UserId> others) {
    // Most members block nobody, and that is known here.
    const auto hidden = co_await hidden_from(user);
    std::erase_if(others, [&](UserId other) { return !hidden->contains(other); });
    if (others.empty()) co_return UserSet{};
    const UsersQuestion question{{std::move(others)}};
    const auto answer = co_await service_.ask<UsersAnswer>("blocked", user, question);
    co_return set_of(answer);
}

Task<bool> DirectoryClient::exists(UserId user) {
    std::vector<UserId> ids{user};
    const auto found = co_await cards(std::move(ids));
    co_return found.front() != nullptr;
}

Task<std::vector<Traits>> DirectoryClient::traits(std::vector<UserId> ids) {
    const UsersQuestion question{{std::move(ids)}};
    auto answer = co_await service_.ask<TraitsAnswer>("traits", UserId{}, question);
    co_return std::move(answer.traits);
}

Task<bool> DirectoryClient::has_email(UserId user, std::string email) {
    const EmailQuestion question{user, {std::move(email)}};
    const auto answer = co_await service_.ask<EmailAnswer>("email", UserId{}, question);
    co_return answer.is_theirs;
}

Task<std::vector<UserId>> DirectoryClient::ids_of_handles(std::vector<std::string> handles) {
    const std::size_t count = handles.size();
    if (count == 0) co_return std::vector<UserId>{};
    const HandlesQuestion question{{std::move(handles)}};
    const auto answer = co_await service_.ask<HandlesAnswer>("handles", UserId{}, question);
    if (answer.ids.size() != count) throw Unavailable("user handles: not as many ids as handles");
    std::vector<UserId> ids;
    ids.reserve(count);
    for (const auto& id : answer.ids) ids.push_back(id.value_or(UserId{}));
    co_return ids;
}

}  // namespace guildhall::user
