#include "services/user/account_service.hpp"

#include <utility>

#include "platform/cache/transact.hpp"
#include "services/user/mails.hpp"
#include "services/user/password_check.hpp"
#include "services/user/public/cache_kinds.hpp"
#include "services/user/secrets.hpp"

namespace guildhall::user {
namespace {

// Requests of one address that are kept, as with registrations.
constexpr std::int64_t kMostResets = 200;
// Mails about what was done. It stays true, but news of a week ago helps nobody.
constexpr std::chrono::days kNoticeLifetime{7};

Error wrong_password(std::string pointer) {
    return Error{Code::forbidden,
                 "the current password is wrong",
                 "invalid_credentials",
                 {{std::move(pointer), "invalid_credentials", "is not the current password"}}};
}

}  // namespace

Task<Result<http::Accepted<ForgotPasswordAnswer>>> AccountService::forgot_password(http::Visitor visitor,
                                                                                   ForgotPassword body) {
    const std::string& email = body.email.value;
    // By the client's network as well: a stranger who asks for an address must not keep its owner from asking.
    const std::string& ip = visitor.request->ip;
    const std::string asked = email + '\n' + network_of(ip);
    auto attempt = co_await parts_.throttle.begin(Throttle::subjects("forgot", asked, ip, options_.requests));
    if (!attempt) co_return attempt.error();
    co_await parts_.throttle.keep(std::move(*attempt));

    const auto known = co_await parts_.store.find_user_by_email(email);
    std::string token = make_token();
    const PasswordReset reset{email, hash_of_token(token), options_.code_tries, parts_.clock.now() + options_.code_ttl};
    const auto compose = [&](const std::string& code) {
        return known ? mail_of_reset(email, code, options_.code_ttl) : mail_of_unknown_address(email);
    };
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await parts_.recovery.insert_reset(tx, reset, kMostResets);
        co_await parts_.codes.mail(tx, email, CodePurpose::password_reset, compose);
        co_return Result<void>{};
    };
    auto done = co_await parts_.database.transact<void>(work);
    if (!done) co_return done.error();
    co_return http::Accepted<ForgotPasswordAnswer>{{"check_your_email", std::move(token)}};
}

Task<Result<void>> AccountService::reset_password(http::Visitor visitor, ResetPassword body) {
    const std::string& email = body.email.value;
    // Counted by token: otherwise a stranger's guesses would keep the owner of the address out.
    const std::string token_hash = hash_of_token(body.reset_token.value);
    auto attempt =
        co_await parts_.throttle.begin(Throttle::subjects("reset", token_hash, visitor.request->ip, options_.guesses));
    if (!attempt) co_return attempt.error();

    std::string hash;
    std::exception_ptr failure;
    try {
        hash = co_await parts_.hasher.hash(std::move(body.new_password.value));
    } catch (const Unavailable&) {
        failure = std::current_exception();
    }
    if (failure) {
        co_await parts_.throttle.undo(std::move(*attempt));
        std::rethrow_exception(failure);
    }
    const Time now = parts_.clock.now();
    // A wrong code is no Error in here: it would roll back the count of tries.
    using Ended = std::optional<std::vector<SessionId>>;
    auto work = [&](sql::Transaction& tx) -> Task<Result<Ended>> {
        const bool is_there = co_await parts_.recovery.take_reset_try(tx, email, token_hash, now);
        if (!is_there) co_return Ended{};
        const bool is_right = co_await parts_.codes.redeem(tx, email, CodePurpose::password_reset, body.code.value);
        if (!is_right) co_return Ended{};
        co_await parts_.recovery.remove_reset(tx, email, token_hash);
        const auto user = co_await parts_.store.find_user_by_email(tx, email);
        if (!user) co_return Ended{};
        // Before the account, as a change of the address locks them.
        co_await parts_.recovery.remove_email_change(tx, *user);
        const bool is_changed = co_await parts_.store.reset_password(tx, *user, hash);
        if (!is_changed) co_return Ended{};
        co_await parts_.recovery.forget_devices(tx, *user);
        co_await parts_.recovery.remember_device(tx, *user, marks_of("", visitor.request->ip), now);
        co_await parts_.post_office.write(tx, mail_of_changed_password(email), kNoticeLifetime);
        Ended ended = co_await parts_.store.remove_other_sessions(tx, *user, SessionId{}, now);
        co_return ended;
    };
    const auto ended = co_await parts_.database.transact<Ended>(work);
    if (!ended) co_return ended.error();
    if (!*ended) {
        co_await parts_.throttle.keep(std::move(*attempt));
        co_return invalid_code();
    }
    co_await parts_.throttle.clear(std::move(*attempt));
    for (const auto session : **ended) parts_.revocations.add(session, now);
    co_return Result<void>{};
}

Task<Result<Credentials>> AccountService::confirm_caller(http::Caller caller, std::string password,
                                                         std::string pointer) {
    const std::string account = std::to_string(caller.id.value);
    auto attempt =
        co_await parts_.throttle.begin(Throttle::subjects("password", account, caller.request->ip, options_.guesses));
    if (!attempt) co_return attempt.error();
    auto credentials = co_await parts_.store.find_credentials(caller.id);
    std::optional<std::string> phc;
    if (credentials) phc = credentials->password_hash;
    const bool is_match = co_await check_password(parts_.hasher, parts_.throttle, std::move(password), std::move(phc),
                                                  std::move(*attempt));
    if (!is_match) co_return wrong_password(std::move(pointer));
    co_return std::move(*credentials);
}

Task<Result<void>> AccountService::change_password(http::Caller caller, ChangePassword body) {
    const auto credentials =
        co_await confirm_caller(caller, std::move(body.current_password.value), "/current_password");
    if (!credentials) co_return credentials.error();

    const std::string next = co_await parts_.hasher.hash(std::move(body.new_password.value));
    const Time now = parts_.clock.now();
    // The account's row is locked before the sessions, as a sign-in does: one that checked the old password either
    // comes before, and its session is ended here, or sees the new hash and fails.
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::vector<SessionId>>> {
        co_await parts_.recovery.remove_email_change(tx, caller.id);
        const bool is_changed =
            co_await parts_.store.replace_password(tx, caller.id, credentials->password_version, next);
        if (!is_changed) co_return wrong_password("/current_password");
        co_await parts_.post_office.write(tx, mail_of_changed_password(credentials->email), kNoticeLifetime);
        co_return co_await parts_.store.remove_other_sessions(tx, caller.id, caller.session, now);
    };
    auto ended = co_await parts_.database.transact<std::vector<SessionId>>(work);
    if (!ended) co_return ended.error();
    for (auto session : *ended) parts_.revocations.add(session, now);
    co_return Result<void>{};
}

Task<Result<http::Accepted<MailAnswer>>> AccountService::change_email(http::Caller caller, ChangeEmail body) {
    const std::string& email = body.email.value;
    const std::string account = std::to_string(caller.id.value);
    auto attempt = co_await parts_.throttle.begin(
        Throttle::subjects("change_email", account, caller.request->ip, options_.requests));
    if (!attempt) co_return attempt.error();
    co_await parts_.throttle.keep(std::move(*attempt));
    const auto credentials = co_await confirm_caller(caller, std::move(body.password.value), "/password");
    if (!credentials) co_return credentials.error();
    if (credentials->email == email)
        co_return Error{Code::unprocessable,
                        "this is your address already",
                        "same_email",
                        {{"/email", "same_email", "is the present address"}}};

    const auto known = co_await parts_.store.find_user_by_email(email);
    const EmailChange change{caller.id, email, credentials->email, options_.code_tries,
                             parts_.clock.now() + options_.code_ttl};
    const auto compose = [&](const std::string& code) {
        return known ? mail_of_taken_address(email) : mail_of_email_change(email, code, options_.code_ttl);
    };
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        co_await parts_.recovery.upsert_email_change(tx, change);
        co_await parts_.codes.mail(tx, email, CodePurpose::email_change, compose);
        co_await parts_.post_office.write(tx, mail_of_asked_email_change(credentials->email), kNoticeLifetime);
        co_return Result<void>{};
    };
    auto done = co_await parts_.database.transact<void>(work);
    if (!done) co_return done.error();
    co_return http::Accepted<MailAnswer>{{"check_your_email"}};
}

Task<Result<void>> AccountService::confirm_email(http::Caller caller, ConfirmEmail body) {
    const std::string account = std::to_string(caller.id.value);
    auto attempt = co_await parts_.throttle.begin(
        Throttle::subjects("confirm_email", account, caller.request->ip, options_.guesses));
    if (!attempt) co_return attempt.error();

    const Time now = parts_.clock.now();
    cache::Changes changes{{kCardKind, {caller.id.value}}};
    auto work = [&](sql::Transaction& tx) -> Task<Result<bool>> {
        const auto change = co_await parts_.recovery.take_email_change_try(tx, caller.id, now);
        if (!change) co_return false;
        const bool is_right =
            co_await parts_.codes.redeem(tx, change->email, CodePurpose::email_change, body.code.value);
        if (!is_right) co_return false;
        co_await parts_.recovery.remove_email_change(tx, caller.id);
        const bool is_changed = co_await parts_.store.replace_email(tx, *change);
        if (!is_changed) co_return invalid_code();
        // The entity tag of the own profile, which shows the address, is its version.
        const auto profile = co_await parts_.store.raise_version(tx, caller.id);
        if (!profile) co_return invalid_code();
        co_await parts_.post_office.write(tx, mail_of_changed_email(change->old_email), kNoticeLifetime);
        co_return true;
    };
    const auto is_changed = co_await cache::transact<bool>(parts_.database, parts_.coherence, changes, work);
    if (!is_changed || !*is_changed) {
        co_await parts_.throttle.keep(std::move(*attempt));
        co_return invalid_code();
    }
    co_await parts_.throttle.clear(std::move(*attempt));
    co_return Result<void>{};
}

}  // namespace guildhall::user
