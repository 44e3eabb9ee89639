#pragma once

#include "platform/http/internal_token.hpp"
#include "platform/http/router.hpp"
#include "services/user/public/internal_api.hpp"
#include "services/user/signing_keys.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// What other processes may ask: the Directory, and what they must know to let members in. All is answered from SQL:
/// who asks may keep the answer, so it must not be what this process has yet to drop. Thread-safe.
class InternalApi {
public:
    InternalApi(UserStore& store, const SigningKeys& keys) : store_(store), keys_(keys) {}

    /// As Directory says. Whose blocks are asked for is the token's subject. Errors: forbidden when it has none.
    Task<Result<CardsAnswer>> cards(http::Visitor visitor, UsersQuestion question);
    Task<Result<UsersAnswer>> hidden(http::Visitor visitor, HiddenQuestion question);
    Task<Result<UsersAnswer>> blocked(http::Visitor visitor, UsersQuestion question);
    Task<Result<TraitsAnswer>> traits(http::Visitor visitor, UsersQuestion question);
    Task<Result<EmailAnswer>> email(http::Visitor visitor, EmailQuestion question);
    Task<Result<HandlesAnswer>> handles(http::Visitor visitor, HandlesQuestion question);
    Task<Result<SessionsAnswer>> sessions(http::Visitor visitor, SessionsQuestion question);

private:
    UserStore& store_;
    const SigningKeys& keys_;
};

/// Binds them under /internal/v1/user/.
void add_internal_routes(http::Router& router, InternalApi& api, const http::InternalTokens& tokens);

}  // namespace guildhall::user
