#include "app/graph_check.hpp"

#include <filesystem>
#include <iostream>
#include <optional>
#include <stdexcept>

#include "app/application.hpp"
#include "app/service_database.hpp"
#include "platform/json/write.hpp"
#include "services/connection/graph/graph_keeper.hpp"

namespace guildhall::app {
namespace {

constexpr connection::ComparisonPatience kPatience{.until_begun = std::chrono::seconds(10),
                                                   .until_done = std::chrono::minutes(10)};

}  // namespace

// Without the data folder's lock: the program that serves reads the question in its table.
bool compare_graph(const Config& config, bool repairs, std::ostream& out) {
    if (config.sql.engine == "sqlite" && !std::filesystem::exists(config.data_dir / "connection.db"))
        throw std::runtime_error("there is no connection.db in " + config.data_dir.string());
    IoThreads threads(1);  // its contexts outlive the database, whose threads post to them
    const auto database = open_database(config, "connection");
    connection::GraphCheckStore checks(*database);
    const SystemClock clock;
    std::optional<connection::GraphReport> report;
    std::cerr << "waiting for a process of the connection service to compare the graph\n";
    run_and_wait(threads, [&]() -> Task<void> {
        report = co_await connection::ask_for_comparison(checks, clock, repairs, kPatience);
    });
    threads.stop();
    out << json::to_json(*report) << '\n';
    return report->is_clean();
}

}  // namespace guildhall::app
