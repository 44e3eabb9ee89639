#pragma once

#include "platform/http/internal_token.hpp"
#include "platform/http/router.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/connection/public/internal_api.hpp"

namespace guildhall::connection {

/// What other processes may ask: the Network and the Degrees. Thread-safe. Who asks may keep the answer, so it comes
/// from SQL, not from what this process has yet to drop from memory.
class InternalApi {
public:
    InternalApi(ConnectionStore& store, Degrees& degrees) : store_(store), degrees_(degrees) {}

    /// All connections of a member, as Network says.
    Task<Result<ConnectionsAnswer>> connections(http::Visitor visitor, ConnectionsQuestion question);

    /// How far members are from the token's subject, as Degrees says.
    Task<Result<DegreesAnswer>> degrees(http::Visitor visitor, DegreesQuestion question);

private:
    ConnectionStore& store_;
    Degrees& degrees_;
};

/// Binds them under /internal/v1/connection/.
void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens);

}  // namespace guildhall::connection
