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
#include "support/service_rig.hpp"

namespace guildhall::user::test {

/// Keeps what is sent; can be made to fail.
class CapturingMailer final : public mail::Mailer {
public:
    Task<Result<void>> send(mail::Message message) override {
        if (is_broken) throw Unavailable("the mail server is unavailable");
        if (refusal) co_return *refusal;
        sent.push_back(std::move(message));
        co_return Result<void>{};
    }
    Task<bool> is_up() override { co_return !is_broken; }

    /// The code in the latest mail to `email`; empty when there is none.
    std::string code_for(const std::string& email) const {
        for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
            if (it->to != email) continue;
            const auto at = it->text.find("Code: ");
            return at == std::string::npos ? "" : it->text.substr(at + 6, 8);
        }
        return "";
    }

    /// The subjects of the mails to `email`, in order.
    std::vector<std::string> subjects_to(const std::string& email) const {
        std::vector<std::string> subjects;
        for (const auto& message : sent)
            if (message.to == email) subjects.push_back(message.subject);
        return subjects;
    }

    std::vector<mail::Message> sent;
    bool is_broken = false;
    std::optional<Error> refusal;
};

/// Nobody's degree is known.
class UnknownDegrees final : public connection::Degrees {
public:
    Task<connection::DegreeList> degrees(UserId /*viewer*/, std::vector<UserId> members) override {
        co_return connection::DegreeList(members.size());
    }
};

/// A user service with a mailer that keeps what it gets, and what members do.
class World : public guildhall::test::ServiceRig {
public:
    using Change = std::function<void(Options&)>;

    /// `engine` is "sqlite" or "postgres", which must be available.
    explicit World(const std::string& engine, const Change& change = {}, cache::Coherence* shared = nullptr)
        : World(std::make_shared<guildhall::test::Ground>(engine, std::chrono::days(20'000)), change, shared) {}
    /// Another process of the same service, on the same database.
    World(World& first, cache::Coherence& shared) : World(first.ground, {}, &shared) {}

    Module::Needs needs() { return {members, degrees, *cache, mailer, verifier}; }

    using ServiceRig::caller;
    http::Caller caller(const Tokens& tokens) { return {tokens.user_id, tokens.session_id, &request}; }

    /// A member who has registered with a code.
    Tokens sign_up(const std::string& email, const std::string& name = "Jane Doe",
                   std::optional<std::string> handle = {}) {
        const auto token = ask_for_account(registration(email, name, std::move(handle)));
        auto tokens = verify(email, mailer.code_for(email), token);
        if (!tokens) throw std::runtime_error(tokens.error().detail);
        return *tokens;
    }
    /// Sends the mails that are due, as the module does in the background.
    void send_mails() {
        try {
            run(module->post_office().send_due());
        } catch (const Unavailable&) {
            // The mailer is broken: the mails wait.
        }
    }
    Result<http::Accepted<RegisterAnswer>> ask(Register body) {
        auto answer = run(auth().register_member(visitor(), std::move(body)));
        send_mails();
        return answer;
    }
    /// The token of a registration, which must succeed.
    std::string ask_for_account(Register body) {
        auto answer = ask(std::move(body));
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
    Result<Tokens> log_in(const std::string& email, std::string_view password = kPassword,
                          const std::string& device_token = {}) {
        Login body{{email}, {std::string(password)}, {}, {}};
        if (!device_token.empty()) body.device_token = json::Opaque<256>{device_token};
        return run(auth().log_in(visitor(), std::move(body)));
    }
    /// True when the access token is accepted.
    bool lets_in(const Tokens& given) {
        const auto claims = verifier.verify(given.access_token);
        return claims && !module->revocations().is_revoked(*claims);
    }

    AuthService& auth() { return module->auth(); }
    AccountService& accounts() { return module->accounts(); }
    UserService& users() { return module->users(); }
    Directory& directory() { return members; }

    static constexpr std::string_view kPassword = "correct horse battery";

    MemberDirectory members{base, {}};
    UnknownDegrees degrees;
    std::unique_ptr<cache::Cache> cache = cache::make_memory_cache(clock, 1 << 20);
    CapturingMailer mailer;
    http::AccessTokens verifier{"test", clock};
    std::optional<Module> module;

private:
    World(std::shared_ptr<guildhall::test::Ground> over, const Change& change, cache::Coherence* shared)
        : ServiceRig(Module::definition(), std::move(over), shared) {
        Options options;
        options.issuer = "test";
        options.argon2 = {64, 1, 1};
        if (change) change(options);
        module.emplace(base, needs(), std::move(options));
        listen(*module);
        run(module->load());
    }
};

}  // namespace guildhall::user::test
