#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/sql/batches.hpp"
#include "platform/sql/database.hpp"
#include "services/user/public/directory.hpp"
#include "services/user/public/internal_api.hpp"
#include "services/user/user.hpp"
#include "services/user/user_api.hpp"

namespace guildhall::user {

/// The tables of the user service. What takes a Transaction writes, the rest reads outside of one. Thread-safe; throws
/// Unavailable.
class UserStore {
public:
    explicit UserStore(sql::Database& database) : database_(database) {}

    // Accounts.
    /// The account of an address; nothing when it has none (also while a registration waits for its code).
    Task<std::optional<UserId>> find_user_by_email(std::string email);
    /// What signs `user` in; nothing when there is no such account.
    Task<std::optional<Credentials>> find_credentials(UserId user);
    /// Gives an address to `user`. False when it has an account already. Two that race for it: one gets it.
    Task<bool> reserve_email(sql::Transaction& tx, std::string email, UserId user);
    /// Makes the account and its profile; address and handle are reserved already.
    Task<void> insert_account(sql::Transaction& tx, Credentials credentials, Profile profile);
    /// The account of an address, seen within the transaction.
    Task<std::optional<UserId>> find_user_by_email(sql::Transaction& tx, std::string email);
    /// Keeps the account's row locked, and stores `rehashed`, when there is one: another hash of the same password.
    /// False when the password has been changed since it had `version`, or the account is disabled.
    Task<bool> confirm_password(sql::Transaction& tx, UserId user, std::int64_t version,
                                std::optional<std::string> rehashed);
    /// Stores the hash of a new password and keeps the account's row locked. False when it has been changed since it
    /// had `version`.
    Task<bool> replace_password(sql::Transaction& tx, UserId user, std::int64_t version, std::string hash);
    /// The same whatever the password was before. False when there is no such account.
    Task<bool> reset_password(sql::Transaction& tx, UserId user, std::string hash);
    /// Gives the account its new address and releases the old one. False, and nothing may be committed, when the new
    /// one has an account or the old one is not the account's any more.
    Task<bool> replace_email(sql::Transaction& tx, EmailChange change);
    /// Disables the account, or enables it when `since` is nothing, and keeps its row locked. False when there is no
    /// such account.
    Task<bool> set_disabled(sql::Transaction& tx, UserId user, std::optional<Time> since);
    /// Accounts with an id above `after`, in order; for operators.
    Task<std::vector<ListedAccount>> list_accounts(UserId after, int limit);

    // Registrations that wait for their code.
    /// Stores a registration beside the others of its address. When they are more than `most`, the oldest fall; a few
    /// more may stay when several are stored at once.
    Task<void> insert_registration(sql::Transaction& tx, Registration registration, std::int64_t most);
    /// Uses up one of the tries and gives the registration; nothing when there is none, it has expired or no try is
    /// left.
    Task<std::optional<Registration>> take_try(sql::Transaction& tx, std::string email, std::string token_hash,
                                               Time now);
    /// Lets a registration live until `expires_at`. False when there is none or it has expired.
    Task<bool> extend_registration(sql::Transaction& tx, std::string email, std::string token_hash, Time now,
                                   Time expires_at);
    /// Removes it, used or not.
    Task<void> remove_registration(sql::Transaction& tx, std::string email, std::string token_hash);

    // Handles.
    /// Whose the handle is or was; nothing when nobody's.
    Task<std::optional<HandleOwner>> find_handle(std::string handle);
    /// One answer for each handle, in order; one round trip.
    Task<std::vector<std::optional<HandleOwner>>> find_handles(std::vector<std::string> handles);
    /// Gives a handle to `user` when nobody has it, or `user` had it before. False when it is somebody else's. Two that
    /// race for it: one gets it.
    Task<bool> reserve_handle(sql::Transaction& tx, std::string handle, UserId user);
    /// Makes a handle of `user` an old one.
    Task<void> retire_handle(sql::Transaction& tx, std::string handle, UserId user);

    // Profiles.
    /// Those that exist, in no order.
    Task<std::vector<Profile>> list_profiles(std::vector<UserId> ids);
    Task<std::vector<Card>> list_cards(std::vector<UserId> ids);
    Task<std::vector<Traits>> list_traits(std::vector<UserId> ids);
    /// Raises the version of the profile, which locks it, and gives it as it is then.
    Task<std::optional<Profile>> raise_version(sql::Transaction& tx, UserId user);
    /// Stores all but the version and the times.
    Task<void> update_profile(sql::Transaction& tx, Profile profile);

    // Sessions and their tokens.
    /// Stores a session and the route of its first token.
    Task<void> insert_session(sql::Transaction& tx, StoredSession session);
    /// Where a token belongs, used or not; nothing when there never was one of this hash.
    Task<std::optional<TokenRoute>> find_refresh_token(std::string token_hash);
    /// Replaces the token of a session, with its address, agent and times. False when `from_hash` is not the one that
    /// works: used before, or the session is gone. Of two that race, one gets true.
    Task<bool> rotate_token(sql::Transaction& tx, Rotation rotation);
    /// The salt of the token that followed `token_hash`, when that one was the last to be used, within `grace`; nothing
    /// otherwise.
    Task<std::optional<std::string>> find_successor_salt(sql::Transaction& tx, TokenRoute route, std::string token_hash,
                                                         Time now, std::chrono::microseconds grace);
    /// Sessions that have not expired, newest first, with an id below `before`.
    Task<std::vector<StoredSession>> list_sessions(UserId user, SessionId before, Time now, int limit);
    /// Ends a session; false when there is none of this id and member.
    Task<bool> remove_session(sql::Transaction& tx, UserId user, SessionId session, Time now);
    /// Ends all sessions of the member but `kept`; those that it ended.
    Task<std::vector<SessionId>> remove_other_sessions(sql::Transaction& tx, UserId user, SessionId kept, Time now);
    /// Up to `limit` that come after `last` in the order of time and id.
    Task<std::vector<RevokedSession>> list_revoked(RevokedSession last, std::size_t limit);

    // Blocks.
    /// How many members `user` blocks.
    Task<std::size_t> count_blocks(UserId user);
    /// False when it is there already.
    Task<bool> insert_block(sql::Transaction& tx, UserId user, StoredBlock block);
    /// False when there is none.
    Task<bool> remove_block(sql::Transaction& tx, UserId user, UserId blocked);
    Task<bool> is_blocked(UserId user, UserId blocked);
    /// Newest first, with an id below `before`.
    Task<std::vector<StoredBlock>> list_blocks(UserId user, BlockId before, int limit);
    /// Those of `others` whom `user` blocks.
    Task<UserSet> list_blocked(UserId user, std::vector<UserId> others);
    /// Whom `user` blocks and who blocks `user`.
    Task<UserSet> list_hidden(UserId user);

    // Keys of access tokens.
    /// Stores a new key.
    Task<void> insert_key(sql::Transaction& tx, StoredKey key);
    /// Those that have not expired, newest first.
    Task<std::vector<StoredKey>> list_keys(Time now);

    // Mail that waits.
    /// Stores a mail that is to be sent.
    Task<void> insert_mail(sql::Transaction& tx, StoredMail mail);
    /// Those whose next try is due, the longest due first.
    Task<std::vector<StoredMail>> list_due_mails(Time now, int limit);
    /// Counts a try and puts the next one off. False when another replica did so since `mail` was read.
    Task<bool> claim_mail(sql::Transaction& tx, StoredMail mail, Time next_try_at);
    /// Takes a try back that could not be made: the mail is due at once.
    Task<void> release_mail(sql::Transaction& tx, MailId mail, Time claimed_until, Time now);
    Task<void> remove_mail(sql::Transaction& tx, MailId mail);
    /// Removes a mail that will not be delivered, and keeps what became of it for 90 days.
    Task<void> bury_mail(sql::Transaction& tx, DeadMail mail);
    /// With an id above `after`, in order; for operators.
    Task<std::vector<DeadMail>> list_dead_mails(MailId after, int limit);

    /// Deletes what has expired, in batches, for at most about `time` for each kind. False when there may be more.
    Task<bool> prune(Time now, Time revoked_before, std::chrono::milliseconds time = sql::kBatchTime);

private:
    sql::Database& database_;
};

}  // namespace guildhall::user
