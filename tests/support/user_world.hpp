#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "platform/cache/memory.hpp"
#include "services/user/module.hpp"
#include "services/user/public/events.hpp"
#include "support/counting_database.hpp"
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

/// A user service with a database, a clock that stands still and a mailer that keeps what it gets. Everything runs on the test's thread.
class World {
public:
    using Change = std::function<void(Options&)>;

    /// `engine` is "sqlite" or "postgres", which must be there.
    explicit World(const std::string& engine, const Change& change = {}, cache::Coherence* shared = nullptr)
        : place(std::make_shared<guildhall::test::TestDatabase>(engine)),
          coherence(shared == nullptr ? *alone : *shared) {
        database.migrate(Module::migrations());
        start(change);
    }
    /// Another process of the same service, on the same database.
    World(World& first, cache::Coherence& shared) : place(first.place), coherence(shared), ids(clock, 2) { start({}); }

    void start(const Change& change) {
        Options options;
        options.issuer = "test";
        options.argon2 = {64, 1, 1};
        if (change) change(options);
        module.emplace(ports(), std::move(options));
        run(module->load());
    }

    Module::Ports ports() {
        return {database, ids, clock, outbox, consumers, *cache, mailer, hashing, verifier, coherence};
    }

    /// Runs `task` to its end; throws what it throws.
    template <class T>
    T run(Task<T> task) {
        return loop.run(std::move(task));
    }
    /// Runs them side by side; their results in order.
    template <class T>
    std::vector<T> run_together(std::vector<Task<T>> tasks) {
        return loop.run_together(std::move(tasks));
    }

    http::Visitor visitor() { return {UserId{}, SessionId{}, &request}; }
    http::Caller caller(const Tokens& tokens) { return {tokens.user_id, tokens.session_id, &request}; }

    /// A member by way of registration and code.
    Tokens sign_up(const std::string& email, const std::string& name = "Jane Doe",
                   std::optional<std::string> handle = {}) {
        const auto token = ask_for_account(registration(email, name, std::move(handle)));
        auto tokens = verify(email, mailer.code_for(email), token);
        if (!tokens) throw std::runtime_error(tokens.error().detail);
        return *tokens;
    }
    /// The token of a registration that must be accepted.
    std::string ask_for_account(Register body) {
        auto answer = run(auth().register_member(visitor(), std::move(body)));
        if (!answer) throw std::runtime_error(answer.error().detail);
        return answer->value.registration_token;
    }
    Result<Tokens> verify(const std::string& email, const std::string& code, const std::string& token) {
        return run(auth().verify_email(visitor(), {{email}, {code}, {token}, {}}));
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

    guildhall::test::TestLoop loop;
    ManualClock clock{Time(std::chrono::days(20'000))};
    std::shared_ptr<guildhall::test::TestDatabase> place;
    std::unique_ptr<cache::Coherence> alone = cache::make_memory_coherence();
    cache::Coherence& coherence;
    std::unique_ptr<sql::Database> opened = place->open();
    guildhall::test::CountingDatabase database{*opened};
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
};

}  // namespace guildhall::user::test
