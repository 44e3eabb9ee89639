#include "services/user/account_administration.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "services/user/secrets.hpp"

namespace guildhall::user {
namespace {

Error no_such_account() { return {Code::not_found, "there is no such account"}; }

}  // namespace

Task<Result<UserId>> AccountAdministration::find(std::string account) {
    std::ranges::transform(account, account.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    std::optional<UserId> user;
    if (account.contains('@')) {
        user = co_await store_.find_user_by_email(std::move(account));
        if (!user) co_return no_such_account();
        co_return *user;
    }
    // An id comes first: a member may choose the digits of another one's id as handle.
    UserId id;
    const auto [end, fault] = std::from_chars(account.data(), account.data() + account.size(), id.value);
    if (fault == std::errc{} && end == account.data() + account.size()) {
        const auto credentials = co_await store_.find_credentials(id);
        if (credentials) co_return id;
    }
    const auto owner = co_await store_.find_handle(std::move(account));
    if (!owner) co_return no_such_account();
    co_return owner->user_id;
}

Task<Result<void>> AccountAdministration::set_disabled(UserId user, bool is_disabled) {
    const Time now = clock_.now();
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        // The account is locked before the sessions, as a sign-in does: none begins after this.
        const bool is_there = co_await store_.set_disabled(tx, user, is_disabled ? std::optional(now) : std::nullopt);
        if (!is_there) co_return no_such_account();
        if (is_disabled) co_await store_.remove_other_sessions(tx, user, SessionId{}, now);
        co_return Result<void>{};
    };
    co_return co_await database_.transact<void>(work);
}

Task<Result<std::string>> AccountAdministration::reset_password(UserId user) {
    const std::string password = make_code() + "-" + make_code() + "-" + make_code();
    const std::string hash = co_await hasher_.hash(password);
    const Time now = clock_.now();
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::string>> {
        co_await recovery_.remove_email_change(tx, user);
        const bool is_there = co_await store_.reset_password(tx, user, hash);
        if (!is_there) co_return no_such_account();
        co_await recovery_.forget_devices(tx, user);
        co_await store_.remove_other_sessions(tx, user, SessionId{}, now);
        co_return password;
    };
    co_return co_await database_.transact<std::string>(work);
}

}  // namespace guildhall::user
