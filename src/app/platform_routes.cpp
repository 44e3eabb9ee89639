#include "app/platform_routes.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <boost/json/serialize.hpp>

#include "app/api_document.hpp"
#include "app/assets.hpp"
#include "app/docs_page.hpp"
#include "app/problem_page.hpp"
#include "app/services.hpp"
#include "platform/async/ask_all.hpp"
#include "platform/base/metrics.hpp"
#include "platform/http/compress.hpp"
#include "services/post/post.hpp"

namespace guildhall::app {
namespace {

Error not_ready(std::string why) { return Error{Code::unavailable, std::move(why), "not_ready"}; }

std::vector<std::string> names_of_services() {
    std::vector<std::string> names;
    for (const ServiceRow& row : services()) names.emplace_back(row.name);
    return names;
}

std::string_view asset(std::string_view name) {
    return std::ranges::find(kAssets, name, &std::pair<std::string_view, std::string_view>::first)->second;
}

std::int64_t requests(const Config& config, http::RateClass rate_class) {
    return config.rate_limits[static_cast<std::size_t>(rate_class)].requests;
}

}  // namespace

PlatformRoutes::PlatformRoutes(const Config& config, std::vector<service::Dependency> dependencies)
    : dependencies_(std::move(dependencies)),
      instance_{"Guildhall",
                GUILDHALL_VERSION,
                names_of_services(),
                {std::int64_t{post::kMaxPostLength}, std::int64_t{post::kMaxCommentLength}, 100,
                 static_cast<std::int64_t>(config.http.max_body_bytes), requests(config, http::RateClass::read),
                 requests(config, http::RateClass::write), requests(config, http::RateClass::auth)}} {}

void PlatformRoutes::add_routes(http::Router& router, PlatformRoutes* routes) {
    router.set_service("platform");
    router.get("/livez", routes, &PlatformRoutes::live)
        .anyone()
        .unlimited()
        .named("getLiveness")
        .summary("Say whether the process runs");
    router.get("/readyz", routes, &PlatformRoutes::ready)
        .anyone()
        .unlimited()
        .named("getReadiness")
        .summary("Say whether requests can be served; names what is down and what that degrades");
    router.get("/startupz", routes, &PlatformRoutes::started)
        .anyone()
        .unlimited()
        .named("getStartup")
        .summary("Say whether the start is complete");
    router.get("/metrics", routes, &PlatformRoutes::metrics)
        .anyone()
        .unlimited()
        .produces("text/plain")
        .summary("Read the metrics in the Prometheus text format");
    router.get("/v1/openapi.json", routes, &PlatformRoutes::openapi)
        .anyone()
        .etag()
        .named("getApiDocument")
        .produces("application/json")
        .summary("Read this document");
    router.get("/docs", routes, &PlatformRoutes::docs)
        .anyone()
        .etag()
        .named("getApiPage")
        .produces("text/html")
        .summary("Read and try the API on a page");
    router.get("/", routes, &PlatformRoutes::docs)
        .anyone()
        .etag()
        .named("getStartPage")
        .produces("text/html")
        .summary("Read and try the API on a page; the same as /docs");
    router.get("/docs/problems", routes, &PlatformRoutes::problems)
        .anyone()
        .etag()
        .named("getProblemPage")
        .produces("text/html")
        .summary("Read what each problem code means");
    router.get("/favicon.ico", routes, &PlatformRoutes::icon)
        .anyone()
        .etag()
        .named("getIcon")
        .produces("image/svg+xml")
        .summary("Read the icon of the pages");
    router.get("/v1/instance", routes, &PlatformRoutes::instance)
        .anyone()
        .etag()
        .summary("Name, version and limits of this installation");
}

void PlatformRoutes::publish(const http::Router& router) {
    openapi_ = boost::json::serialize(api_document(router));
    openapi_gzipped_ = http::gzip(openapi_);
    docs_page();  // made now, so that no request waits for it
}

Task<Result<HealthReport>> PlatformRoutes::live(http::Visitor) { co_return HealthReport{Health::ok, {}}; }

Task<Result<HealthReport>> PlatformRoutes::ready(http::Visitor) {
    if (draining_) co_return not_ready("the process is draining");
    std::vector<Question> questions;
    questions.reserve(dependencies_.size());
    for (const service::Dependency& dependency : dependencies_)
        questions.push_back({"readiness of " + dependency.name, dependency.is_up()});
    const std::vector<bool> up = co_await ask_all(asking_, std::move(questions), dependencies_.size(), kReadyDeadline);

    HealthReport report{Health::ok, {}};
    for (std::size_t i = 0; i < dependencies_.size(); ++i) {
        const service::Dependency& dependency = dependencies_[i];
        const bool is_up = up[i];
        if (!is_up && dependency.is_essential)
            co_return not_ready(dependency.name + " is down: " + dependency.degrades);
        report.dependencies.push_back(
            {dependency.name, is_up ? Health::ok : Health::down, is_up ? "" : dependency.degrades});
    }
    co_return report;
}

Task<Result<HealthReport>> PlatformRoutes::started(http::Visitor) {
    if (!started_) co_return not_ready("the process is starting");
    co_return HealthReport{Health::ok, {}};
}

Task<Result<http::Document>> PlatformRoutes::metrics(http::Visitor) {
    co_return http::Document{"text/plain; version=0.0.4; charset=utf-8", metrics::render()};
}

Task<Result<http::Document>> PlatformRoutes::openapi(http::Visitor) {
    co_return http::Document{"application/json", openapi_, openapi_gzipped_};
}

Task<Result<http::Document>> PlatformRoutes::docs(http::Visitor) {
    const DocsPage& page = docs_page();
    co_return http::Document{"text/html; charset=utf-8", page.html, page.gzipped};
}

Task<Result<http::Document>> PlatformRoutes::problems(http::Visitor) {
    co_return http::Document{"text/html; charset=utf-8", problem_page()};
}

Task<Result<http::Document>> PlatformRoutes::icon(http::Visitor) {
    co_return http::Document{"image/svg+xml", std::string(asset("favicon.svg"))};
}

Task<Result<Instance>> PlatformRoutes::instance(http::Visitor) { co_return instance_; }

}  // namespace guildhall::app
