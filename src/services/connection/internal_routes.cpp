#include "services/connection/internal_routes.hpp"

namespace guildhall::connection {

Task<Result<ConnectionsAnswer>> InternalApi::connections(http::Visitor visitor, ConnectionsQuestion question) {
    if (visitor.id != question.user_id) co_return Error{Code::forbidden, "the token is for another member"};
    const Circle circle = co_await store_.find_circle(question.user_id);
    ConnectionsAnswer answer{*circle.connections, {}};
    if (circle.followed != circle.connections) answer.followed = *circle.followed;
    co_return answer;
}

Task<Result<DegreesAnswer>> InternalApi::degrees(http::Visitor visitor, DegreesQuestion question) {
    if (!visitor.id) co_return Error{Code::forbidden, "the internal token names no member"};
    co_return DegreesAnswer{co_await degrees_.degrees(visitor.id, std::move(question.ids.items))};
}

void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens) {
    router.post("/internal/v1/connection/connections", &api, &InternalApi::connections).internal(tokens);
    router.post("/internal/v1/connection/degrees", &api, &InternalApi::degrees).internal(tokens);
}

}  // namespace guildhall::connection
