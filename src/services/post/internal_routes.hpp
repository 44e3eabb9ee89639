#pragma once

#include "platform/http/internal_token.hpp"
#include "platform/http/router.hpp"
#include "services/post/public/internal_api.hpp"

namespace guildhall::post {

/// What other processes may ask: Posts. Thread-safe.
class InternalApi {
public:
    explicit InternalApi(Posts& posts) : posts_(posts) {}

    /// The viewer is the token's subject, whichever service asks: what they may see is decided here.
    Task<Result<PostsAnswer>> cards(http::Visitor viewer, PostsQuestion question);

private:
    Posts& posts_;
};

/// Binds them under /internal/v1/post/.
void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens);

}  // namespace guildhall::post
