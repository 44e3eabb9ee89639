#include "app/neighbours.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "app/io_threads.hpp"
#include "support/await.hpp"
#include "support/databases.hpp"
#include "support/http_server.hpp"

namespace guildhall::app {
namespace {

/// Takes connections and never says anything.
class SilentServer {
public:
    std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

private:
    boost::asio::io_context io_;
    boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
};

class Lives {
public:
    Task<Result<HealthReport>> live(http::Visitor) { co_return HealthReport{Health::ok, {}}; }
};

TEST(Neighbours, AServiceIsThereWhenOneOfItsReplicasAnswersHoweverManyAreSilent) {
    Lives lives;
    const test::HttpServer server(
        [&lives](http::Router& router) { router.get("/livez", lives, &Lives::live).anyone(); });
    const std::vector<SilentServer> silent(3);
    const test::TemporaryFolder folder;
    Config config;
    config.data_dir = folder.path();
    config.services.run = {"post"};
    config.services.secrets = {std::string(32, 's')};
    auto& replicas = config.services.urls.at(0);
    ASSERT_EQ(kServices.at(0), "user");
    for (const SilentServer& one : silent) replicas.push_back(one.url());
    replicas.push_back(server.url());
    config.services.urls.at(1) = {silent[0].url(), silent[1].url()};
    ASSERT_EQ(kServices.at(1), "connection");

    IoThreads threads(1);
    Engines engines(config, "test", threads);
    {
        Neighbours neighbours(config, engines);
        for (const Dependency& dependency : neighbours.dependencies()) {
            if (!dependency.name.starts_with("service:")) continue;
            bool is_up = false;
            const auto start = std::chrono::steady_clock::now();
            run_and_wait(threads, [&]() -> Task<void> { is_up = co_await dependency.is_up(); });
            EXPECT_EQ(is_up, dependency.name == "service:user");
            EXPECT_LT(std::chrono::steady_clock::now() - start, kReadyDeadline) << dependency.name;
        }
        engines.client.stop();
        threads.stop();
    }
}

}  // namespace
}  // namespace guildhall::app
