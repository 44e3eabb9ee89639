#include "app/route_table.hpp"

#include "app/platform_routes.hpp"
#include "services/connection/module.hpp"
#include "services/post/module.hpp"
#include "services/user/module.hpp"

namespace guildhall::app {

http::Router describe_all_routes(const Config& config) {
    PlatformRoutes platform(config, {});
    http::Router router;
    user::Module::describe_routes(router);
    connection::Module::describe_routes(router);
    post::Module::describe_routes(router);
    platform.add_routes(router);
    router.freeze();
    for (const auto& route : router.routes()) route->handle = nullptr;  // it refers to what ends with this function
    return router;
}

}  // namespace guildhall::app
