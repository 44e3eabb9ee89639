#include "services/connection/internal_routes.hpp"

namespace guildhall::connection {

Task<Result<ConnectionsAnswer>> InternalApi::connections(http::Visitor visitor, ConnectionsQuestion question) {
    if (visitor.id != question.user_id) co_return Error{Code::forbidden, "the token is for another member"};
    co_return ConnectionsAnswer{co_await store_.list_peers(question.user_id)};
}

void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens) {
    router.set_service("connection");
    router.post("/internal/v1/connection/connections", api, &InternalApi::connections).internal(tokens);
}

}  // namespace guildhall::connection
