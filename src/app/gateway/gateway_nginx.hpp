#pragma once

#include <string>

#include "app/gateway/gateway.hpp"

namespace guildhall::app {

/// A whole nginx.conf (nginx 1.22 or later; modules of every package: realip, limit_req, limit_conn, proxy with cache,
/// map, geo). What nginx writes lies under its prefix (`nginx -p FOLDER`); logs go to standard output and error.
std::string nginx_configuration(const Gateway& gateway);

}  // namespace guildhall::app
