#pragma once

#include <boost/json/object.hpp>

#include "platform/http/router.hpp"

namespace guildhall::app {

/// The OpenAPI 3.1 document of the routes: what the router says of itself, and what people need besides, such as
/// descriptions of services and fields, and an example for each body and answer.
boost::json::object api_document(const http::Router& router);

}  // namespace guildhall::app
