#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/enum.hpp>

#include "platform/sql/batches.hpp"
#include "platform/sql/database.hpp"
#include "services/user/user.hpp"

namespace guildhall::user {

/// What a mailed code is for.
enum class CodePurpose { registration, password_reset, email_change };
BOOST_DESCRIBE_ENUM(CodePurpose, registration, password_reset, email_change)

/// How long no further code is mailed to an address: after the first mail, and at most.
struct CodePause {
    std::chrono::microseconds first;
    std::chrono::microseconds longest;
};

/// The tables with which members recover and keep their accounts: mailed codes, requests for a new password, changes of
/// the address, devices that are known. What takes a Transaction writes, the rest reads outside of one. Thread-safe;
/// throws Unavailable.
class RecoveryStore {
public:
    explicit RecoveryStore(sql::Database& database) : database_(database) {}

    // Mailed codes.
    /// True when a code may be mailed to `email` now; then the next pause begins, twice as long as the last one. Of
    /// several that ask at once, one gets true.
    Task<bool> take_turn(sql::Transaction& tx, std::string email, CodePurpose purpose, CodePause pause, Time now);
    /// Stores a code beside the others of its address.
    Task<void> insert_code(sql::Transaction& tx, std::string email, CodePurpose purpose, std::string code_hash,
                           Time expires_at);
    /// True when the code works; then it and the others of this address and purpose are removed, and so is the pause.
    /// Two that use codes of one address at once: one gets true.
    Task<bool> redeem_code(sql::Transaction& tx, std::string email, CodePurpose purpose, std::string code_hash,
                           Time now);

    // Requests for a new password; for each, the token of its client.
    /// Stores a request beside the others of its address. When they are more than `most`, the oldest fall; a few more
    /// may stay when several are stored at once.
    Task<void> insert_reset(sql::Transaction& tx, PasswordReset reset, std::int64_t most);
    /// Uses up one of the tries. False when there is no such request, it has expired or no try is left.
    Task<bool> take_reset_try(sql::Transaction& tx, std::string email, std::string token_hash, Time now);
    /// Removes it, used or not.
    Task<void> remove_reset(sql::Transaction& tx, std::string email, std::string token_hash);

    // Changes of the address; each member has at most one that waits.
    /// Stores a change instead of the one before.
    Task<void> upsert_email_change(sql::Transaction& tx, EmailChange change);
    /// Uses up one of the tries and gives the change; nothing when there is none, it has expired or no try is left.
    Task<std::optional<EmailChange>> take_email_change_try(sql::Transaction& tx, UserId user, Time now);
    /// Removes it, used or not.
    Task<void> remove_email_change(sql::Transaction& tx, UserId user);

    // Devices and networks from which a member has signed in.
    /// The one of `marks` that `user` has signed in from, the device before the network; nothing when none.
    Task<std::optional<std::string>> find_known_device(UserId user, DeviceMarks marks);
    /// Remembers `marks`. When the member has more than 50, the oldest fall.
    Task<void> remember_device(sql::Transaction& tx, UserId user, DeviceMarks marks, Time now);
    Task<void> forget_devices(sql::Transaction& tx, UserId user);

    /// Deletes what has expired, in batches, for at most about `time` for each kind. False when there may be more.
    Task<bool> prune(Time now, std::chrono::milliseconds time = sql::kBatchTime);

private:
    sql::Database& database_;
};

}  // namespace guildhall::user
