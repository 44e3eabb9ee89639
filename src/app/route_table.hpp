#pragma once

#include "platform/http/router.hpp"

namespace guildhall::app {

/// The public routes of all services and of the platform, whatever this process runs: for the OpenAPI document and the
/// gateway's configuration. None of them can be called; internal ones are not among them.
http::Router describe_all_routes();

}  // namespace guildhall::app
