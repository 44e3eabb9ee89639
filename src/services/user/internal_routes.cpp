#include "services/user/internal_routes.hpp"

#include <utility>

namespace guildhall::user {
namespace {

Error no_subject() { return {Code::forbidden, "the internal token names no member"}; }

UsersAnswer answer_of(const UserSet& users) { return {{users.begin(), users.end()}}; }

}  // namespace

Task<Result<CardsAnswer>> InternalApi::cards(http::Visitor, UsersQuestion question) {
    const auto found = co_await directory_.cards(std::move(question.ids.items));
    CardsAnswer answer;
    for (const CardPointer& card : found)
        if (card) answer.cards.push_back(*card);
    co_return answer;
}

Task<Result<UsersAnswer>> InternalApi::hidden(http::Visitor visitor, HiddenQuestion) {
    if (!visitor.id) co_return no_subject();
    const auto hidden = co_await directory_.hidden_from(visitor.id);
    co_return answer_of(*hidden);
}

Task<Result<UsersAnswer>> InternalApi::blocked(http::Visitor visitor, UsersQuestion question) {
    if (!visitor.id) co_return no_subject();
    const auto blocked = co_await directory_.blocked_by(visitor.id, std::move(question.ids.items));
    co_return answer_of(blocked);
}

Task<Result<HandlesAnswer>> InternalApi::handles(http::Visitor, HandlesQuestion question) {
    const auto found = co_await directory_.ids_of_handles(std::move(question.handles.items));
    HandlesAnswer answer;
    for (const UserId id : found) answer.ids.push_back(id ? std::optional(id) : std::nullopt);
    co_return answer;
}

Task<Result<SessionsAnswer>> InternalApi::sessions(http::Visitor, SessionsQuestion question) {
    auto revoked = co_await store_.list_revoked(question.since);
    co_return SessionsAnswer{keys_.jwks(), std::move(revoked)};
}

void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens) {
    router.set_service("user");
    router.post("/internal/v1/user/cards", api, &InternalApi::cards).internal(tokens);
    router.post("/internal/v1/user/hidden", api, &InternalApi::hidden).internal(tokens);
    router.post("/internal/v1/user/blocked", api, &InternalApi::blocked).internal(tokens);
    router.post("/internal/v1/user/handles", api, &InternalApi::handles).internal(tokens);
    router.post("/internal/v1/user/sessions", api, &InternalApi::sessions).internal(tokens);
}

}  // namespace guildhall::user
