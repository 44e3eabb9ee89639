#pragma once

#include "platform/http/router.hpp"
#include "services/user/auth_service.hpp"
#include "services/user/user_service.hpp"

namespace guildhall::user {

/// Binds the service's methods and paths to its members; both services must outlive the router.
void add_routes(http::Router& router, AuthService& auth, UserService& users);

}  // namespace guildhall::user
