#pragma once

#include "platform/http/router.hpp"
#include "services/user/account_service.hpp"
#include "services/user/auth_service.hpp"
#include "services/user/user_service.hpp"

namespace guildhall::user {

/// Binds the public routes of this service; null: only describes them.
void add_routes(http::Router& router, AuthService* auth, AccountService* accounts, UserService* users);

}  // namespace guildhall::user
