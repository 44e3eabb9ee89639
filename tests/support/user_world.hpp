#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "platform/cache/memory.hpp"
#include "services/user/module.hpp"
#include "services/user/public/events.hpp"
#include "support/databases.hpp"

namespace guildhall::user::test {

/// Keeps what is sent; can be told to fail.
class CapturingMailer final : public mail::Mailer {
public:
    Task<void> send(mail::Message message) override {
        if (is_broken) throw Unavailable("the mail server is away");
        sent.push_back(std::move(message));
        co_return;
    }

    /// The code in the latest mail to `email`; empty when that has none.
    std::string code_for(const std::string& email) const {
        for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
            if (it->to != email) continue;
            const auto at = it->text.find("Code: ");
            return at == std::string::npos ? "" : it->text.substr(at + 6, 8);
        }
        return "";
    }

    std::vector<mail::Message> sent;
    bool is_broken = false;
};

/// Counts the reads and transactions of another database.
class CountingDatabase final : public sql::Database {
public:
    explicit CountingDatabase(sql::Database& inner) : inner_(inner) {}
    Task<sql::Rows> read(const sql::Statement& statement, sql::Params params) override {
        ++calls;
        return inner_.read(statement, std::move(params));
    }
    Task<std::vector<sql::Rows>> read_all(std::vector<sql::Call> all) override {
        ++calls;
        return inner_.read_all(std::move(all));
    }
    void migrate(std::span<const sql::Migration> migrations) override { inner_.migrate(migrations); }
    void execute_script(std::string_view text) override { inner_.execute_script(text); }
    Task<bool> ready() override { return inner_.ready(); }
    std::string_view engine() const override { return inner_.engine(); }

    std::atomic<int> calls{0};

protected:
    Task<void> run(RawBody body) override {
        ++calls;
        auto inner = [body = std::move(body)](sql::Transaction& tx) -> Task<Result<bool>> {
            const bool is_done = co_await body(tx);
            if (!is_done) co_return Error{Code::conflict, "rolled back"};
            co_return true;
        };
        const auto done = co_await inner_.transact<bool>(inner);
        (void)done;
    }

private:
    sql::Database& inner_;
};

/// A user service with a database, a clock that stands still and a mailer that keeps what it gets. Everything runs on the test's thread.
class World {
public:
    using Change = std::function<void(Options&)>;

    /// `engine` is "sqlite" or "postgres", which must be there.
    explicit World(const std::string& engine, const Change& change = {}) : place(engine), opened(place.open()) {
        database.migrate(Module::migrations());
        Options options;
        options.issuer = "test";
        options.argon2 = {64, 1, 1};
        if (change) change(options);
        module.emplace(ports(), std::move(options));
        run(module->maintain());
    }

    Module::Ports ports() { return {database, ids, clock, outbox, consumers, *cache, mailer, hashing, verifier}; }

    /// Runs `task` to its end; throws what it throws.
    template <class T>
    T run(Task<T> task) {
        std::optional<T> result;
        auto body = [&]() -> Task<void> { result.emplace(co_await std::move(task)); };
        run_all_of(body);
        return std::move(*result);
    }
    void run(Task<void> task) {
        auto body = [&]() -> Task<void> { co_await std::move(task); };
        run_all_of(body);
    }

    /// Runs them side by side; their results in order.
    template <class T>
    std::vector<T> run_together(std::vector<Task<T>> tasks) {
        std::vector<std::optional<T>> results(tasks.size());
        std::size_t left = tasks.size();
        std::exception_ptr failure;
        const auto work = boost::asio::make_work_guard(io);
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            auto body = [](std::optional<T>& result, Task<T> task) -> Task<void> {
                result.emplace(co_await std::move(task));
            };
            boost::asio::co_spawn(io, body(results[i], std::move(tasks[i])), [&](std::exception_ptr error) {
                if (error) failure = error;
                --left;
            });
        }
        io.restart();
        while (left > 0) wait_for_one();
        if (failure) std::rethrow_exception(failure);
        std::vector<T> out;
        for (auto& result : results) out.push_back(std::move(*result));
        return out;
    }

    http::Visitor visitor() { return {UserId{}, SessionId{}, &request}; }
    http::Caller caller(const Tokens& tokens) { return {tokens.user_id, tokens.session_id, &request}; }

    /// A member by way of registration and code.
    Tokens sign_up(const std::string& email, const std::string& name = "Jane Doe",
                   std::optional<std::string> handle = {}) {
        auto answer = run(auth().register_member(visitor(), registration(email, name, std::move(handle))));
        if (!answer) throw std::runtime_error(answer.error().detail);
        auto tokens = run(auth().verify_email(visitor(), {{email}, {mailer.code_for(email)}, {}}));
        if (!tokens) throw std::runtime_error(tokens.error().detail);
        return *tokens;
    }
    static Register registration(const std::string& email, const std::string& name = "Jane Doe",
                                 std::optional<std::string> handle = {}) {
        Register body{{email}, {std::string(kPassword)}, {name}, {}};
        if (handle) body.handle = json::Handle{*handle};
        return body;
    }
    Result<Tokens> log_in(const std::string& email, std::string_view password = kPassword) {
        return run(auth().log_in(visitor(), {{email}, {std::string(password)}, {}}));
    }
    /// True when the access token would be let in.
    bool lets_in(const Tokens& given) {
        const auto claims = verifier.verify(given.access_token);
        return claims && !module->revocations().is_revoked(*claims);
    }

    /// The types of all events so far that no relay has taken, in order.
    std::vector<std::string> events() {
        static constexpr sql::Statement kTypes{"test.events", "SELECT type FROM outbox ORDER BY id"};
        auto rows = run(database.read(kTypes, {}));
        std::vector<std::string> types;
        for (auto row : rows) types.push_back(row.take_text(0));
        return types;
    }

    AuthService& auth() { return module->auth(); }
    UserService& users() { return module->users(); }
    Directory& directory() { return module->directory(); }

    static constexpr std::string_view kPassword = "correct horse battery";

    boost::asio::io_context io;
    ManualClock clock{Time(std::chrono::days(20'000))};
    guildhall::test::TestDatabase place;
    std::unique_ptr<sql::Database> opened;
    CountingDatabase database{*opened};
    IdGenerator ids{clock, 1};
    outbox::Outbox outbox{"/user", ids, clock};
    outbox::Consumers consumers{database, clock};
    std::unique_ptr<cache::Cache> cache = cache::make_memory_cache(clock, 1 << 20);
    CapturingMailer mailer;
    Pool hashing{"hashing", 1, 64};
    http::AccessTokens verifier{"test", clock};
    http::RequestContext request = request_of_a_test();
    std::optional<Module> module;

private:
    static http::RequestContext request_of_a_test() {
        http::RequestContext context;
        context.request_id = "r-1";
        context.ip = "192.0.2.1";
        context.user_agent = "test/1.0";
        return context;
    }
    template <class Body>
    void run_all_of(Body& body) {
        bool is_done = false;
        std::exception_ptr failure;
        const auto work = boost::asio::make_work_guard(io);
        boost::asio::co_spawn(io, body, [&](std::exception_ptr error) {
            failure = error;
            is_done = true;
        });
        io.restart();
        while (!is_done) wait_for_one();
        if (failure) std::rethrow_exception(failure);
    }
    void wait_for_one() {
        if (io.run_one_for(std::chrono::seconds(30)) == 0) throw std::runtime_error("nothing happened for 30 seconds");
    }
};

}  // namespace guildhall::user::test
