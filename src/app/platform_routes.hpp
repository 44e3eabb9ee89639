#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "app/config/config.hpp"
#include "platform/async/task_group.hpp"
#include "platform/http/router.hpp"
#include "platform/service/dependency.hpp"

namespace guildhall::app {

/// Whether something answers.
enum class Health { ok, down };
BOOST_DESCRIBE_ENUM(Health, ok, down)

/// A dependency, whether it answers, and what does not work while it does not.
struct DependencyHealth {
    std::string name;
    Health status;
    std::string degrades;
};
BOOST_DESCRIBE_STRUCT(DependencyHealth, (), (name, status, degrades))

/// The answer of the health routes.
struct HealthReport {
    Health status;
    std::vector<DependencyHealth> dependencies;
};
BOOST_DESCRIBE_STRUCT(HealthReport, (), (status, dependencies))

/// What clients need to know before they send something.
struct InstanceLimits {
    std::int64_t post_characters;
    std::int64_t comment_characters;
    std::int64_t page_items;
    std::int64_t body_bytes;
    std::int64_t read_requests_per_minute;
    std::int64_t write_requests_per_minute;
    std::int64_t auth_requests_per_minute;
};
BOOST_DESCRIBE_STRUCT(InstanceLimits, (),
                      (post_characters, comment_characters, page_items, body_bytes, read_requests_per_minute,
                       write_requests_per_minute, auth_requests_per_minute))

/// What this installation is.
struct Instance {
    std::string name;
    std::string version;
    std::vector<std::string> services;
    InstanceLimits limits;
};
BOOST_DESCRIBE_STRUCT(Instance, (), (name, version, services, limits))

/// In which /readyz answers, whatever its dependencies do.
constexpr std::chrono::milliseconds kReadyDeadline{900};

/// Health, metrics, documents and limits: what the process says of itself. [X19 X17 X8 X46]
class PlatformRoutes {
public:
    PlatformRoutes(const Config& config, std::vector<service::Dependency> dependencies);

    /// Binds the routes of this class to `routes`; null: only describes them.
    static void add_routes(http::Router& router, PlatformRoutes* routes);
    /// Once the routes are complete: writes the documents.
    void publish(const http::Router& router);
    /// The OpenAPI document as it is served; after publish().
    const std::string& openapi_document() const { return openapi_; }
    void set_started() { started_ = true; }
    /// Readiness goes away; for draining.
    void set_draining() { draining_ = true; }
    /// Waits at most `limit` for the dependencies that /readyz still asks; the number of them left.
    std::size_t wait(std::chrono::milliseconds limit) { return asking_.wait(limit); }

private:
    Task<Result<HealthReport>> live(http::Visitor);
    Task<Result<HealthReport>> ready(http::Visitor);
    Task<Result<HealthReport>> started(http::Visitor);
    Task<Result<http::Document>> metrics(http::Visitor);
    Task<Result<http::Document>> openapi(http::Visitor);
    Task<Result<http::Document>> docs(http::Visitor);
    Task<Result<http::Document>> problems(http::Visitor);
    Task<Result<http::Document>> icon(http::Visitor);
    Task<Result<Instance>> instance(http::Visitor);

    std::vector<service::Dependency> dependencies_;
    TaskGroup asking_;
    Instance instance_;
    std::string openapi_;
    std::string openapi_gzipped_;
    std::atomic<bool> started_{false};
    std::atomic<bool> draining_{false};
};

}  // namespace guildhall::app
