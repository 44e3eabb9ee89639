#include "app/route_table.hpp"

#include <string>

#include "app/platform_routes.hpp"
#include "app/services.hpp"

namespace guildhall::app {

http::Router describe_all_routes() {
    http::Router router;
    for (const ServiceRow& row : services()) {
        router.set_service(std::string(row.name));
        row.definition().describe_routes(router);
    }
    PlatformRoutes::add_routes(router, nullptr);
    router.freeze();
    return router;
}

}  // namespace guildhall::app
