#include "app/gateway/gateway.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "app/gateway/gateway_kong.hpp"
#include "app/gateway/gateway_nginx.hpp"
#include "app/gateway/yaml.hpp"
#include "app/route_table.hpp"

namespace guildhall::app {
namespace {

struct Service {
    Task<Result<void>> call(http::Visitor) { co_return Result<void>{}; }
    Task<Result<void>> call_one(http::Visitor, UserId) { co_return Result<void>{}; }
    Task<Result<void>> call_two(http::Visitor, UserId, UserId) { co_return Result<void>{}; }
};

std::vector<std::string> names_of(const std::vector<GatewayPath>& paths) {
    std::vector<std::string> out;
    for (const GatewayPath& path : paths) out.push_back(path.path);
    return out;
}

TEST(GatewayPaths, FixedSegmentsComeBeforeParameters) {
    Service service;
    http::Router router;
    router.set_service("post");
    router.get("/a/{id}/{other}", &service, &Service::call_two).anyone();
    for (const char* path : {"/a/{id}", "/a/{id}/b", "/a/z/{id}"})
        router.get(path, &service, &Service::call_one).anyone();
    router.get("/a/z", &service, &Service::call).anyone();
    EXPECT_EQ(names_of(gateway_paths(router)),
              (std::vector<std::string>{"/a/z", "/a/z/{id}", "/a/{id}", "/a/{id}/b", "/a/{id}/{other}"}));
}

TEST(GatewayPaths, RefuseAPathOfTwoServices) {
    Service service;
    http::Router router;
    router.set_service("post");
    router.get("/a", &service, &Service::call).anyone();
    router.set_service("user");
    router.post("/a", &service, &Service::call).anyone();
    EXPECT_THROW(gateway_paths(router), std::runtime_error);
}

TEST(GatewayPaths, HoldNothingInternalAndEveryPublicRouteButTheGatewaysOwn) {
    const http::Router routes = describe_all_routes();
    const std::vector<GatewayPath> paths = gateway_paths(routes);
    for (const GatewayPath& path : paths) EXPECT_FALSE(path.path.starts_with("/internal/")) << path.path;
    for (const auto& route : routes.routes()) {
        const bool is_there = std::ranges::find(paths, route->path, &GatewayPath::path) != paths.end();
        EXPECT_EQ(is_there, route->path != "/livez") << route->path;
    }
}

TEST(GatewayPaths, OnlyWhatVisitorsShareIsCacheable) {
    for (const GatewayPath& path : gateway_paths(describe_all_routes()))
        if (path.is_cacheable)
            EXPECT_TRUE(std::ranges::find(path.signed_in, "GET") == path.signed_in.end()) << path.path;
}

TEST(GatewayPaths, OnlyAStreamIsPassedOnUnbuffered) {
    Service service;
    http::Router router;
    router.set_service("post");
    router.get("/v1/posts", &service, &Service::call).anyone();
    EXPECT_EQ(nginx_configuration(plan_gateway({}, {}, router)).find("Upgrade $http_upgrade"), std::string::npos);
    router.get("/v1/posts/stream", &service, &Service::call).anyone();
    EXPECT_NE(nginx_configuration(plan_gateway({}, {}, router)).find("Upgrade $http_upgrade"), std::string::npos);
}

TEST(DescribedRoutes, CannotBeCalled) {
    for (const auto& route : describe_all_routes().routes()) EXPECT_FALSE(route->handle) << route->path;
}

TEST(Gateway, TakesReplicasFromFlagsThenFromTheConfigurationThenByName) {
    Config config;
    config.services.urls["user"] = {"http://10.0.0.1:1", "http://10.0.0.2:1/"};
    config.services.urls["post"] = {"http://10.0.0.3:1"};
    GatewayOptions options;
    options.replicas = {"post=http://[::1]:9"};
    const Gateway gateway = plan_gateway(config, options, http::Router());
    const auto replicas_of = [&](const std::string& name) {
        return std::ranges::find(gateway.services, name, &GatewayService::name)->replicas;
    };
    EXPECT_EQ(replicas_of("user"), (std::vector<std::string>{"10.0.0.1:1", "10.0.0.2:1"}));
    EXPECT_EQ(replicas_of("post"), (std::vector<std::string>{"[::1]:9"}));
    EXPECT_EQ(replicas_of("connection"), (std::vector<std::string>{"connection:8080"}));
}

/// What is written into a configuration file as it stands must not be able to end its line.
TEST(Gateway, RefusesOptionsThatAreNotWhatTheySayTheyAre) {
    const auto refuses = [](auto change) {
        GatewayOptions options;
        change(options);
        EXPECT_THROW(plan_gateway(Config{}, options, http::Router()), std::runtime_error);
    };
    for (const char* replica :
         {"user", "user=", "user=http://", "user=http://a", "user=https://a:1", "nobody=http://a:1",
          "user=http://a:1/path", "user=http://a b:1", "user=http://a;:1", "user=http://a:1}"})
        refuses([&](GatewayOptions& options) { options.replicas = {replica}; });
    for (const char* network : {"", "all", "10.0.0.0/33", "10.0.0.0/", "::1/129", "10.0.0.1;", "10.0.0.0/8 1; x"}) {
        refuses([&](GatewayOptions& options) { options.operators = {network}; });
        refuses([&](GatewayOptions& options) { options.trusted_proxies = {network}; });
    }
    refuses([](GatewayOptions& options) { options.bind = "8000"; });
    refuses([](GatewayOptions& options) { options.host = "a b"; });
    refuses([](GatewayOptions& options) { options.certificate = "chain.pem"; });
    refuses([](GatewayOptions& options) { options.redis = "redis"; });
    refuses([](GatewayOptions& options) { options.cache_seconds = -1; });
}

TEST(Yaml, QuotesTextsAndNestsBlocks) {
    const boost::json::value value{{"a", {{{"b", 1}, {"c", {"no", "1.0"}}}, {{"b", nullptr}}}},
                                   {"d", boost::json::object{}},
                                   {"e", "two\n\"lines\""}};
    EXPECT_EQ(to_yaml(value), R"(a:
  - b: 1
    c:
      - "no"
      - "1.0"
  - b: null
d: {}
e: "two\n\"lines\""
)");
}

}  // namespace
}  // namespace guildhall::app
