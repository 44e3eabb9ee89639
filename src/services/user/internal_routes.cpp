#include "services/user/internal_routes.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace guildhall::user {
namespace {

Error no_subject() { return {Code::forbidden, "the internal token names no member"}; }

UsersAnswer answer_of(const UserSet& users) { return {{users.begin(), users.end()}}; }

// Each once.
std::vector<UserId> different(std::vector<UserId> ids) {
    std::ranges::sort(ids);
    ids.erase(std::ranges::unique(ids).begin(), ids.end());
    return ids;
}

}  // namespace

Task<Result<CardsAnswer>> InternalApi::cards(http::Visitor, UsersQuestion question) {
    std::vector<UserId> ids = different(std::move(question.ids.items));
    if (ids.empty()) co_return CardsAnswer{};
    co_return CardsAnswer{co_await store_.list_cards(std::move(ids))};
}

Task<Result<UsersAnswer>> InternalApi::hidden(http::Visitor visitor, HiddenQuestion) {
    if (!visitor.id) co_return no_subject();
    co_return answer_of(co_await store_.list_hidden(visitor.id));
}

Task<Result<UsersAnswer>> InternalApi::blocked(http::Visitor visitor, UsersQuestion question) {
    if (!visitor.id) co_return no_subject();
    std::vector<UserId> others = different(std::move(question.ids.items));
    if (others.empty()) co_return UsersAnswer{};
    co_return answer_of(co_await store_.list_blocked(visitor.id, std::move(others)));
}

Task<Result<TraitsAnswer>> InternalApi::traits(http::Visitor, UsersQuestion question) {
    std::vector<UserId> ids = different(std::move(question.ids.items));
    if (ids.empty()) co_return TraitsAnswer{};
    co_return TraitsAnswer{co_await store_.list_traits(std::move(ids))};
}

Task<Result<EmailAnswer>> InternalApi::email(http::Visitor, EmailQuestion question) {
    const auto owner = co_await store_.find_user_by_email(std::move(question.email.value));
    co_return EmailAnswer{owner == question.user_id};
}

Task<Result<HandlesAnswer>> InternalApi::handles(http::Visitor, HandlesQuestion question) {
    HandlesAnswer answer;
    if (question.handles.items.empty()) co_return answer;
    for (const auto& owner : co_await store_.find_handles(std::move(question.handles.items)))
        answer.ids.push_back(owner && owner->is_current ? std::optional(owner->user_id) : std::nullopt);
    co_return answer;
}

Task<Result<SessionsAnswer>> InternalApi::sessions(http::Visitor, SessionsQuestion question) {
    const RevokedSession last{question.after.value_or(SessionId{}), question.since};
    auto revoked = co_await store_.list_revoked(last, kMaxRevokedInAnswer);
    const bool has_more = revoked.size() == kMaxRevokedInAnswer;
    co_return SessionsAnswer{keys_.jwks(), std::move(revoked), has_more};
}

void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens) {
    router.post("/internal/v1/user/cards", &api, &InternalApi::cards).internal(tokens);
    router.post("/internal/v1/user/hidden", &api, &InternalApi::hidden).internal(tokens);
    router.post("/internal/v1/user/blocked", &api, &InternalApi::blocked).internal(tokens);
    router.post("/internal/v1/user/traits", &api, &InternalApi::traits).internal(tokens);
    router.post("/internal/v1/user/email", &api, &InternalApi::email).internal(tokens);
    router.post("/internal/v1/user/handles", &api, &InternalApi::handles).internal(tokens);
    router.post("/internal/v1/user/sessions", &api, &InternalApi::sessions).internal(tokens);
}

}  // namespace guildhall::user
