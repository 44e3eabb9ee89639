#include "services/connection/internal_routes.hpp"

namespace guildhall::connection {

Task<Result<ConnectionsAnswer>> InternalApi::connections(http::Visitor visitor, ConnectionsQuestion question) {
    if (visitor.id != question.user_id) co_return Error{Code::forbidden, "the token is for another member"};
    const auto ids = co_await network_.connections_of(question.user_id);
    co_return ConnectionsAnswer{*ids};
}

void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens) {
    router.set_service("connection");
    router.post("/internal/v1/connection/connections", api, &InternalApi::connections).internal(tokens);
}

}  // namespace guildhall::connection
