#pragma once

#include "platform/http/internal_token.hpp"
#include "platform/http/router.hpp"
#include "services/user/member_directory.hpp"
#include "services/user/public/internal_api.hpp"
#include "services/user/signing_keys.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// What other processes may ask: the Directory, and what they must know to let members in. Thread-safe.
class InternalApi {
public:
    InternalApi(MemberDirectory& directory, UserStore& store, const SigningKeys& keys)
        : directory_(directory), store_(store), keys_(keys) {}

    /// As Directory says. Whose blocks are asked for is the token's subject. Errors: forbidden when it has none.
    Task<Result<CardsAnswer>> cards(http::Visitor visitor, UsersQuestion question);
    Task<Result<UsersAnswer>> hidden(http::Visitor visitor, HiddenQuestion question);
    Task<Result<UsersAnswer>> blocked(http::Visitor visitor, UsersQuestion question);
    Task<Result<HandlesAnswer>> handles(http::Visitor visitor, HandlesQuestion question);
    /// From SQL, not from this replica's memory, whose delay would add to that of who asks.
    Task<Result<SessionsAnswer>> sessions(http::Visitor visitor, SessionsQuestion question);

private:
    MemberDirectory& directory_;
    UserStore& store_;
    const SigningKeys& keys_;
};

/// Binds them under /internal/v1/user/.
void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens);

}  // namespace guildhall::user
