#include "app/platform_routes.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "support/await.hpp"

namespace guildhall::app {
namespace {

/// GET /readyz of a process with these dependencies.
http::Response ask_readiness(std::vector<service::Dependency> dependencies) {
    PlatformRoutes routes(Config{}, std::move(dependencies));
    http::Router router("test");
    PlatformRoutes::add_routes(router, &routes);
    router.freeze();
    http::Request request;
    std::string allowed;
    const http::Route* route = router.match("GET", "/readyz", request.path_values, allowed);
    return test::await(route->handle(request));
}

Task<bool> answer(bool is_up) { co_return is_up; }
Task<bool> answer_late() {
    co_await sleep_for(2 * kReadyDeadline);
    co_return true;
}

// [X19]
TEST(Readiness, TellsWhatIsDownAndWhatThatDegrades) {
    const auto ready = ask_readiness(
        {{"sql:a", "", true, [] { return answer(true); }}, {"cache", "slower", false, [] { return answer(false); }}});
    EXPECT_EQ(ready.status, 200);
    EXPECT_NE(ready.body.find(R"({"name":"cache","status":"down","degrades":"slower"})"), std::string::npos);

    const auto down = ask_readiness({{"sql:a", "nothing works", true, [] { return answer(false); }}});
    EXPECT_EQ(down.status, 503);
    EXPECT_NE(down.body.find("sql:a is down: nothing works"), std::string::npos);
}

TEST(Readiness, DoesNotWaitForADependencyThatDoesNotAnswer) {
    std::vector<service::Dependency> silent;
    for (int i = 0; i < 3; ++i) silent.push_back({"sql", "", true, answer_late});
    // The io_context of ask_readiness() ends with the late answers: they came to nobody, and did no harm.
    const auto late = ask_readiness(std::move(silent));
    EXPECT_EQ(late.status, 503);
}

}  // namespace
}  // namespace guildhall::app
