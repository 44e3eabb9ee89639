#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/base/clock.hpp"
#include "services/user/password.hpp"
#include "services/user/recovery_store.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// What operators do with accounts, beside the processes that serve: those read the tables and notice within two
/// seconds. Thread-safe; throws Unavailable.
class AccountAdministration {
public:
    /// All of it must live longer.
    AccountAdministration(sql::Database& database, PasswordHasher& hasher, const Clock& clock)
        : database_(database), store_(database), recovery_(database), hasher_(hasher), clock_(clock) {}

    /// The account of an e-mail address, a handle (also a former one) or an id. Errors: not_found.
    Task<Result<UserId>> find(std::string account);

    /// Accounts with an id above `after`, in order.
    Task<std::vector<ListedAccount>> list(UserId after, int limit) { return store_.list_accounts(after, limit); }

    /// Mails that were not delivered, with an id above `after`, in order.
    Task<std::vector<DeadMail>> list_dead_mails(MailId after, int limit) {
        return store_.list_dead_mails(after, limit);
    }

    /// Disables the account and ends its sessions, or enables it. Errors: not_found.
    Task<Result<void>> set_disabled(UserId user, bool is_disabled);

    /// Sets a random password, which is returned, and ends all sessions. Errors: not_found.
    Task<Result<std::string>> reset_password(UserId user);

private:
    sql::Database& database_;
    UserStore store_;
    RecoveryStore recovery_;
    PasswordHasher& hasher_;
    const Clock& clock_;
};

}  // namespace guildhall::user
