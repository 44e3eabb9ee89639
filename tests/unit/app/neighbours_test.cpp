#include "app/neighbours.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include "app/io_threads.hpp"
#include "app/platform_routes.hpp"
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

/// A process that runs `post`, and so asks `user` and `connection`.
class NeighboursTest : public testing::Test {
protected:
    NeighboursTest() {
        config_.data_dir = folder_.path();
        config_.services.run = {"post"};
        config_.services.secrets = {std::string(32, 's')};
    }
    ~NeighboursTest() override { threads_.stop(); }

    void start(std::vector<std::string> users, std::vector<std::string> connections) {
        config_.services.urls["user"] = std::move(users);
        config_.services.urls["connection"] = std::move(connections);
        engines_.emplace(config_, "test", threads_);
        neighbours_.emplace(config_, *engines_);
    }
    bool is_up(const std::string& name) {
        for (const service::Dependency& dependency : neighbours_->dependencies()) {
            if (dependency.name != name) continue;
            bool answer = false;
            run_and_wait(threads_, [&]() -> Task<void> { answer = co_await dependency.is_up(); });
            return answer;
        }
        throw std::invalid_argument(name);
    }

    const test::TemporaryFolder folder_;
    Config config_;
    IoThreads threads_{1};
    std::optional<Engines> engines_;
    std::optional<Neighbours> neighbours_;
};

TEST_F(NeighboursTest, AServiceIsThereWhenOneOfItsReplicasAnswersHoweverManyAreSilent) {
    Lives lives;
    const test::HttpServer server(
        [&lives](http::Router& router) { router.get("/livez", &lives, &Lives::live).anyone(); });
    const std::vector<SilentServer> silent(8);
    std::vector<std::string> urls;
    for (const SilentServer& one : silent) urls.push_back(one.url());
    const auto all_silent = urls;
    urls.push_back(server.url());
    start(urls, all_silent);
    // One after the other, eight that are silent cost more than 6 s.
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(is_up("service:user"));
    EXPECT_FALSE(is_up("service:connection"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
    engines_->client.stop();
    EXPECT_EQ(neighbours_->wait(std::chrono::seconds(20)), 0U) << "those whom nobody waits for any more";
}

TEST_F(NeighboursTest, AReplicaThatCannotEvenBeAskedIsNotThere) {
    start({"no address"}, {"no address", "nor this"});
    EXPECT_FALSE(is_up("service:user"));
    EXPECT_FALSE(is_up("service:connection"));
    EXPECT_EQ(neighbours_->wait(std::chrono::seconds(20)), 0U);
}

}  // namespace
}  // namespace guildhall::app
