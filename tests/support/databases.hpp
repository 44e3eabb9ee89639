#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "platform/async/task.hpp"
#include "platform/sql/database.hpp"
#include "platform/sql/postgres.hpp"
#include "platform/sql/sqlite.hpp"

namespace guildhall::test {

/// A new folder, removed when this is destroyed.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "guildhall-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// A new, empty database of one engine: a file in a new folder, or a new schema. Removed when this is destroyed.
class TestDatabase {
public:
    /// `engine` is "sqlite" or "postgres".
    explicit TestDatabase(std::string engine) : engine_(std::move(engine)) {
        static std::atomic<int> count{0};
        schema_ = "test_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
    }
    ~TestDatabase() {
        if (engine_ == "postgres") open()->execute_script("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
    }
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    /// The reason why this engine cannot be tested; empty when it can.
    static std::string missing(const std::string& engine) {
        if (engine == "sqlite" || std::getenv("GUILDHALL_TEST_POSTGRES")) return {};
        return "GUILDHALL_TEST_POSTGRES is not set";
    }

    /// Opens it; may be called several times. `postgres` and `sqlite` may change the options.
    std::unique_ptr<sql::Database> open(const std::function<void(sql::SqliteOptions&)>& sqlite = {},
                                        const std::function<void(sql::PostgresOptions&)>& postgres = {}) const {
        if (engine_ == "sqlite") {
            sql::SqliteOptions options{.file = file()};
            if (sqlite) sqlite(options);
            return sql::open_sqlite(std::move(options));
        }
        sql::PostgresOptions options{.dsn = std::getenv("GUILDHALL_TEST_POSTGRES"), .schema = schema_};
        if (postgres) postgres(options);
        return sql::open_postgres(std::move(options));
    }

    const std::string& engine() const { return engine_; }
    const std::string& schema() const { return schema_; }
    std::filesystem::path file() const { return folder_.path() / "test.db"; }

private:
    TemporaryFolder folder_;
    std::string engine_;
    std::string schema_;
};

/// An io_context that is run by the test itself.
class TestLoop {
public:
    boost::asio::io_context& io() { return io_; }

    /// Adds a coroutine for run(), which throws its exception.
    void spawn(Task<void> task) {
        boost::asio::co_spawn(io_, std::move(task), [this](const std::exception_ptr& failure) {
            if (failure && !failure_) failure_ = failure;
        });
    }
    /// Runs the added coroutines to their end. Throws when nothing happens for a minute.
    void run() {
        io_.restart();
        while (io_.run_one_for(std::chrono::minutes(1)) > 0) {
        }
        if (!io_.stopped()) throw std::runtime_error("nothing happened for a minute");
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    /// Runs one coroutine to its end.
    template <class T>
    T run(Task<T> task) {
        std::optional<T> result;
        spawn(keep(result, std::move(task)));
        run();
        return std::move(*result);
    }
    void run(Task<void> task) {
        spawn(std::move(task));
        run();
    }
    /// Runs coroutines concurrently; their results in order.
    template <class T>
    std::vector<T> run_together(std::vector<Task<T>> tasks) {
        std::vector<std::optional<T>> results(tasks.size());
        for (std::size_t i = 0; i < tasks.size(); ++i) spawn(keep(results[i], std::move(tasks[i])));
        run();
        std::vector<T> out;
        for (auto& result : results) out.push_back(std::move(*result));
        return out;
    }

private:
    template <class T>
    static Task<void> keep(std::optional<T>& result, Task<T> task) {
        result.emplace(co_await std::move(task));
    }

    boost::asio::io_context io_{1};
    std::exception_ptr failure_;
};

}  // namespace guildhall::test
