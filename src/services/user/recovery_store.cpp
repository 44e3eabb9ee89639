#include "services/user/recovery_store.hpp"

#include <array>
#include <utility>

#include "platform/json/describe.hpp"

namespace guildhall::user {
namespace {

// After this silence, the pauses begin again with the first one.
constexpr std::chrono::hours kSilence{1};
// Longer than a refresh token lives, so that who comes back after the holidays is still known.
constexpr std::chrono::days kDeviceKept{90};
constexpr std::int64_t kMostDevices = 50;

// A time in the future is of a clock that was set back: it holds nobody up.
constexpr sql::Statement kTakeTurn{
    "user.take_code_turn",
    "INSERT INTO code_turns (email, purpose, mailed_at, pause_us) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (email, purpose) DO UPDATE SET mailed_at = excluded.mailed_at, pause_us ="
    " CASE WHEN code_turns.mailed_at <= $5 THEN excluded.pause_us"
    " WHEN code_turns.pause_us * 2 > $6 THEN $6 ELSE code_turns.pause_us * 2 END"
    " WHERE code_turns.mailed_at + code_turns.pause_us <= $3 OR code_turns.mailed_at > $3 RETURNING email"};
constexpr sql::Statement kRemoveTurn{"user.remove_code_turn",
                                     "DELETE FROM code_turns WHERE email = $1 AND purpose = $2"};
constexpr sql::Statement kInsertCode{
    "user.insert_code", "INSERT INTO mailed_codes (email, purpose, code_hash, expires_at) VALUES ($1, $2, $3, $4)"};
// All codes of the address in one statement: two that each used a code of their own and then removed that of the other
// would be a deadlock.
constexpr sql::Statement kRedeemCode{
    "user.redeem_code",
    "DELETE FROM mailed_codes WHERE email = $1 AND purpose = $2 AND EXISTS (SELECT 1 FROM mailed_codes AS used"
    " WHERE used.email = $1 AND used.purpose = $2 AND used.code_hash = $3 AND used.expires_at > $4)"
    " RETURNING code_hash"};

constexpr sql::Statement kInsertReset{
    "user.insert_reset",
    "INSERT INTO password_resets (email, token_hash, tries_left, expires_at) VALUES ($1, $2, $3, $4)"};
constexpr sql::Statement kTrimResets{
    "user.trim_resets",
    "DELETE FROM password_resets WHERE email = $1 AND token_hash <> $2 AND token_hash NOT IN"
    " (SELECT token_hash FROM password_resets WHERE email = $1 ORDER BY expires_at DESC LIMIT $3)"};
constexpr sql::Statement kTakeResetTry{"user.take_reset_try",
                                       "UPDATE password_resets SET tries_left = tries_left - 1"
                                       " WHERE email = $1 AND token_hash = $2 AND tries_left > 0 AND expires_at > $3"
                                       " RETURNING tries_left"};
constexpr sql::Statement kRemoveReset{"user.remove_reset",
                                      "DELETE FROM password_resets WHERE email = $1 AND token_hash = $2"};

constexpr sql::Statement kUpsertEmailChange{
    "user.upsert_email_change",
    "INSERT INTO email_changes (user_id, email, old_email, tries_left, expires_at) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, old_email = excluded.old_email,"
    " tries_left = excluded.tries_left, expires_at = excluded.expires_at"};
constexpr sql::Statement kTakeEmailChangeTry{"user.take_email_change_try",
                                             "UPDATE email_changes SET tries_left = tries_left - 1"
                                             " WHERE user_id = $1 AND tries_left > 0 AND expires_at > $2"
                                             " RETURNING email, old_email, tries_left, expires_at"};
constexpr sql::Statement kRemoveEmailChange{"user.remove_email_change", "DELETE FROM email_changes WHERE user_id = $1"};

constexpr sql::Statement kFindKnownDevice{
    "user.find_known_device",
    "SELECT device_hash FROM known_devices WHERE user_id = $1 AND (device_hash = $2 OR device_hash = $3)"
    " ORDER BY CASE WHEN device_hash = $2 THEN 0 ELSE 1 END LIMIT 1"};
constexpr sql::Statement kRememberDevice{
    "user.remember_device",
    "INSERT INTO known_devices (user_id, device_hash, seen_at) VALUES ($1, $2, $3)"
    " ON CONFLICT (user_id, device_hash) DO UPDATE SET seen_at = excluded.seen_at"};
constexpr sql::Statement kTrimDevices{
    "user.trim_devices",
    "DELETE FROM known_devices WHERE user_id = $1 AND device_hash NOT IN"
    " (SELECT device_hash FROM known_devices WHERE user_id = $1 ORDER BY seen_at DESC LIMIT $2)"};
constexpr sql::Statement kForgetDevices{"user.forget_devices", "DELETE FROM known_devices WHERE user_id = $1"};

constexpr sql::Statement kPruneTurns{"user.prune_code_turns",
                                     "DELETE FROM code_turns WHERE (email, purpose) IN (SELECT email, purpose"
                                     " FROM code_turns WHERE mailed_at <= $1 ORDER BY mailed_at LIMIT $2)"
                                     " AND mailed_at <= $1 RETURNING email"};
constexpr sql::Statement kPruneCodes{
    "user.prune_codes",
    "DELETE FROM mailed_codes WHERE (email, purpose, code_hash) IN (SELECT email, purpose, code_hash"
    " FROM mailed_codes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING email"};
constexpr sql::Statement kPruneResets{
    "user.prune_resets",
    "DELETE FROM password_resets WHERE (email, token_hash) IN"
    " (SELECT email, token_hash FROM password_resets WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    " RETURNING email"};
constexpr sql::Statement kPruneEmailChanges{"user.prune_email_changes",
                                            "DELETE FROM email_changes WHERE user_id IN (SELECT user_id"
                                            " FROM email_changes WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
                                            " AND expires_at <= $1 RETURNING user_id"};
constexpr sql::Statement kPruneDevices{
    "user.prune_known_devices",
    "DELETE FROM known_devices WHERE (user_id, device_hash) IN (SELECT user_id, device_hash"
    " FROM known_devices WHERE seen_at <= $1 ORDER BY seen_at LIMIT $2) AND seen_at <= $1 RETURNING user_id"};

std::string text_of(CodePurpose purpose) { return std::string(json::name_of(purpose)); }

}  // namespace

Task<bool> RecoveryStore::take_turn(sql::Transaction& tx, std::string email, CodePurpose purpose, CodePause pause,
                                    Time now) {
    auto rows = co_await tx.query(kTakeTurn, sql::params(std::move(email), text_of(purpose), now, pause.first.count(),
                                                         now - kSilence, pause.longest.count()));
    co_return !rows.empty();
}

Task<void> RecoveryStore::insert_code(sql::Transaction& tx, std::string email, CodePurpose purpose,
                                      std::string code_hash, Time expires_at) {
    co_await tx.execute(kInsertCode, sql::params(std::move(email), text_of(purpose), std::move(code_hash), expires_at));
}

Task<bool> RecoveryStore::redeem_code(sql::Transaction& tx, std::string email, CodePurpose purpose,
                                      std::string code_hash, Time now) {
    auto rows = co_await tx.query(kRedeemCode, sql::params(email, text_of(purpose), std::move(code_hash), now));
    if (rows.empty()) co_return false;
    co_await tx.execute(kRemoveTurn, sql::params(std::move(email), text_of(purpose)));
    co_return true;
}

Task<void> RecoveryStore::insert_reset(sql::Transaction& tx, PasswordReset reset, std::int64_t most) {
    co_await tx.execute(kInsertReset, sql::params(reset.email, reset.token_hash, reset.tries_left, reset.expires_at));
    co_await tx.execute(kTrimResets, sql::params(std::move(reset.email), std::move(reset.token_hash), most));
}

Task<bool> RecoveryStore::take_reset_try(sql::Transaction& tx, std::string email, std::string token_hash, Time now) {
    auto rows = co_await tx.query(kTakeResetTry, sql::params(std::move(email), std::move(token_hash), now));
    co_return !rows.empty();
}

Task<void> RecoveryStore::remove_reset(sql::Transaction& tx, std::string email, std::string token_hash) {
    co_await tx.execute(kRemoveReset, sql::params(std::move(email), std::move(token_hash)));
}

Task<void> RecoveryStore::upsert_email_change(sql::Transaction& tx, EmailChange change) {
    co_await tx.execute(kUpsertEmailChange,
                        sql::params(change.user_id, std::move(change.email), std::move(change.old_email),
                                    change.tries_left, change.expires_at));
}

Task<std::optional<EmailChange>> RecoveryStore::take_email_change_try(sql::Transaction& tx, UserId user, Time now) {
    auto rows = co_await tx.query(kTakeEmailChangeTry, sql::params(user, now));
    if (rows.empty()) co_return std::nullopt;
    co_return EmailChange{user, rows[0].take_text(0), rows[0].take_text(1), rows[0].number(2), rows[0].time(3)};
}

Task<void> RecoveryStore::remove_email_change(sql::Transaction& tx, UserId user) {
    co_await tx.execute(kRemoveEmailChange, sql::params(user));
}

Task<std::optional<std::string>> RecoveryStore::find_known_device(UserId user, DeviceMarks marks) {
    auto rows =
        co_await database_.read(kFindKnownDevice, sql::params(user, std::move(marks.device), std::move(marks.network)));
    if (rows.empty()) co_return std::nullopt;
    co_return rows[0].take_text(0);
}

Task<void> RecoveryStore::remember_device(sql::Transaction& tx, UserId user, DeviceMarks marks, Time now) {
    if (marks.device.empty() && marks.network.empty()) co_return;
    if (!marks.device.empty()) co_await tx.execute(kRememberDevice, sql::params(user, std::move(marks.device), now));
    if (!marks.network.empty()) co_await tx.execute(kRememberDevice, sql::params(user, std::move(marks.network), now));
    co_await tx.execute(kTrimDevices, sql::params(user, kMostDevices));
}

Task<void> RecoveryStore::forget_devices(sql::Transaction& tx, UserId user) {
    co_await tx.execute(kForgetDevices, sql::params(user));
}

Task<bool> RecoveryStore::prune(Time now, std::chrono::milliseconds time) {
    const std::array<std::pair<const sql::Statement*, Time>, 5> expired{{{&kPruneTurns, now - kSilence},
                                                                         {&kPruneCodes, now},
                                                                         {&kPruneResets, now},
                                                                         {&kPruneEmailChanges, now},
                                                                         {&kPruneDevices, now - kDeviceKept}}};
    bool is_done = true;
    for (const auto& [statement, before] : expired)
        is_done &= co_await sql::delete_in_batches(database_, *statement, sql::params(before), time);
    co_return is_done;
}

}  // namespace guildhall::user
