#pragma once

#include "platform/http/internal_token.hpp"
#include "platform/http/router.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/graph/graph_service.hpp"
#include "services/connection/public/internal_api.hpp"

namespace guildhall::connection {

/// What other processes may ask: the Network. Thread-safe. Who asks may keep the answer, so it comes from SQL, not from what this process has yet to drop
/// from memory.
class InternalApi {
public:
    InternalApi(ConnectionStore& store, GraphService& graph) : store_(store), graph_(graph) {}

    /// All connections of a member, as Network says.
    Task<Result<ConnectionsAnswer>> connections(http::Visitor visitor, ConnectionsQuestion question);

    /// How far members are from the token's subject, as Network says.
    Task<Result<DegreesAnswer>> degrees(http::Visitor visitor, DegreesQuestion question);

private:
    ConnectionStore& store_;
    GraphService& graph_;
};

/// Binds them under /internal/v1/connection/.
void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens);

}  // namespace guildhall::connection
