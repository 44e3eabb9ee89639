#include "services/user/user_store.hpp"

#include <array>
#include <utility>

namespace guildhall::user {
namespace {

constexpr sql::Statement kFindByEmail{"user.find_by_email", "SELECT user_id FROM emails WHERE email = $1"};
constexpr sql::Statement kFindCredentials{
    "user.find_credentials",
    "SELECT email, password_hash, password_version, disabled_at FROM accounts WHERE user_id = $1"};
constexpr sql::Statement kReserveEmail{
    "user.reserve_email",
    "INSERT INTO emails (email, user_id) VALUES ($1, $2) ON CONFLICT (email) DO NOTHING RETURNING user_id"};
constexpr sql::Statement kInsertAccount{
    "user.insert_account",
    "INSERT INTO accounts (user_id, email, password_hash, password_version, created_at, disabled_at)"
    " VALUES ($1, $2, $3, $4, $5, 0)"};
constexpr sql::Statement kConfirmPassword{
    "user.confirm_password",
    "UPDATE accounts SET password_hash = COALESCE($3, password_hash) WHERE user_id = $1 AND password_version = $2"
    " AND disabled_at = 0 RETURNING user_id"};
constexpr sql::Statement kReplacePassword{
    "user.replace_password",
    "UPDATE accounts SET password_hash = $3, password_version = password_version + 1"
    " WHERE user_id = $1 AND password_version = $2 RETURNING user_id"};

constexpr sql::Statement kResetPassword{
    "user.reset_password",
    "UPDATE accounts SET password_hash = $2, password_version = password_version + 1 WHERE user_id = $1"
    " RETURNING user_id"};
constexpr sql::Statement kReplaceEmail{
    "user.replace_email", "UPDATE accounts SET email = $3 WHERE user_id = $1 AND email = $2 RETURNING user_id"};
constexpr sql::Statement kReleaseEmail{"user.release_email", "DELETE FROM emails WHERE email = $1 AND user_id = $2"};
constexpr sql::Statement kSetDisabled{"user.set_disabled",
                                      "UPDATE accounts SET disabled_at = $2 WHERE user_id = $1 RETURNING user_id"};
constexpr sql::Statement kListAccounts{
    "user.list_accounts",
    "SELECT accounts.user_id, accounts.email, profiles.handle, profiles.name, accounts.created_at,"
    " accounts.disabled_at FROM accounts JOIN profiles ON profiles.user_id = accounts.user_id"
    " WHERE accounts.user_id > $1 ORDER BY accounts.user_id LIMIT $2"};

constexpr sql::Statement kInsertRegistration{
    "user.insert_registration",
    "INSERT INTO registrations (email, token_hash, tries_left, password_hash, name, handle, expires_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"};
constexpr sql::Statement kExtendRegistration{
    "user.extend_registration",
    "UPDATE registrations SET expires_at = $4 WHERE email = $1 AND token_hash = $2 AND expires_at > $3"
    " RETURNING email"};
constexpr sql::Statement kTrimRegistrations{
    "user.trim_registrations",
    "DELETE FROM registrations WHERE email = $1 AND token_hash <> $2 AND token_hash NOT IN"
    " (SELECT token_hash FROM registrations WHERE email = $1 ORDER BY expires_at DESC LIMIT $3)"};
constexpr sql::Statement kTakeTry{"user.take_try",
                                  "UPDATE registrations SET tries_left = tries_left - 1"
                                  " WHERE email = $1 AND token_hash = $2 AND tries_left > 0 AND expires_at > $3"
                                  " RETURNING tries_left, password_hash, name, handle, expires_at"};
constexpr sql::Statement kRemoveRegistration{"user.remove_registration",
                                             "DELETE FROM registrations WHERE email = $1 AND token_hash = $2"};

constexpr sql::Statement kFindHandle{"user.find_handle", "SELECT user_id, is_current FROM handles WHERE handle = $1"};
constexpr sql::Statement kReserveHandle{
    "user.reserve_handle",
    "INSERT INTO handles (handle, user_id, is_current) VALUES ($1, $2, 1)"
    " ON CONFLICT (handle) DO UPDATE SET is_current = 1 WHERE handles.user_id = excluded.user_id RETURNING user_id"};
constexpr sql::Statement kRetireHandle{"user.retire_handle",
                                       "UPDATE handles SET is_current = 0 WHERE handle = $1 AND user_id = $2"};

constexpr sql::Statement kListProfiles{
    "user.list_profiles",
    "SELECT user_id, handle, name, headline, about, location, industry, pronouns, version, created_at"
    " FROM profiles WHERE user_id IN ($1:ids)"};
constexpr sql::Statement kListTraits{"user.list_traits",
                                     "SELECT user_id, location, industry FROM profiles WHERE user_id IN ($1:ids)"};
constexpr sql::Statement kListCards{"user.list_cards",
                                    "SELECT user_id, handle, name, headline FROM profiles WHERE user_id IN ($1:ids)"};
constexpr sql::Statement kInsertProfile{
    "user.insert_profile",
    "INSERT INTO profiles (user_id, handle, name, headline, about, location, industry, pronouns, version, created_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};
constexpr sql::Statement kRaiseVersion{
    "user.raise_version",
    "UPDATE profiles SET version = version + 1 WHERE user_id = $1"
    " RETURNING user_id, handle, name, headline, about, location, industry, pronouns, version, created_at"};
constexpr sql::Statement kUpdateProfile{
    "user.update_profile",
    "UPDATE profiles SET handle = $2, name = $3, headline = $4, about = $5, location = $6, industry = $7, pronouns = $8"
    " WHERE user_id = $1"};

constexpr sql::Statement kInsertSession{
    "user.insert_session",
    "INSERT INTO sessions (user_id, id, token_hash, previous_hash, successor_salt, rotated_at, device, ip, user_agent,"
    " created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, '', '', 0, $4, $5, $6, $7, $8, $9)"};
constexpr sql::Statement kInsertRefreshToken{
    "user.insert_refresh_token",
    "INSERT INTO refresh_tokens (token_hash, user_id, session_id, expires_at) VALUES ($1, $2, $3, $4)"};
constexpr sql::Statement kFindRefreshToken{
    "user.find_refresh_token", "SELECT user_id, session_id, expires_at FROM refresh_tokens WHERE token_hash = $1"};
// The comparison with the old token makes this a compare-and-swap on one row: READ COMMITTED evaluates it again on the
// row that a concurrent rotation has left.
constexpr sql::Statement kRotateToken{
    "user.rotate_token",
    "UPDATE sessions SET token_hash = $4, previous_hash = $3, successor_salt = $5, rotated_at = $8, ip = $6,"
    " user_agent = $7, last_seen_at = $8, expires_at = $9 WHERE user_id = $1 AND id = $2 AND token_hash = $3"
    " RETURNING id"};
// A write, so that it locks the row: the session must not end in between. The clocks of replicas differ.
constexpr sql::Statement kFindSuccessor{
    "user.find_successor",
    "UPDATE sessions SET last_seen_at = $4 WHERE user_id = $1 AND id = $2 AND previous_hash = $3"
    " AND rotated_at > $4 - $5 AND rotated_at < $4 + $5 RETURNING successor_salt"};
constexpr sql::Statement kListSessions{
    "user.list_sessions",
    "SELECT id, device, ip, user_agent, created_at, last_seen_at, expires_at FROM sessions"
    " WHERE user_id = $1 AND id < $2 AND expires_at > $3 ORDER BY id DESC LIMIT $4"};
constexpr sql::Statement kRemoveSession{"user.remove_session",
                                        "DELETE FROM sessions WHERE user_id = $1 AND id = $2 RETURNING id"};
constexpr sql::Statement kRemoveOtherSessions{"user.remove_other_sessions",
                                              "DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id"};
constexpr sql::Statement kInsertRevoked{
    "user.insert_revoked",
    "INSERT INTO revoked_sessions (session_id, user_id, revoked_at) VALUES ($1, $2, $3)"
    " ON CONFLICT (session_id) DO NOTHING"};
constexpr sql::Statement kListRevoked{"user.list_revoked",
                                      "SELECT session_id, revoked_at FROM revoked_sessions"
                                      " WHERE (revoked_at, session_id) > ($1, $2)"
                                      " ORDER BY revoked_at, session_id LIMIT $3"};

constexpr sql::Statement kInsertBlock{"user.insert_block",
                                      "INSERT INTO blocks (user_id, blocked_id, id, created_at) VALUES ($1, $2, $3, $4)"
                                      " ON CONFLICT (user_id, blocked_id) DO NOTHING RETURNING id"};
constexpr sql::Statement kInsertBlockedBy{
    "user.insert_blocked_by",
    "INSERT INTO blocked_by (user_id, by_id) VALUES ($1, $2) ON CONFLICT (user_id, by_id) DO NOTHING"};
constexpr sql::Statement kRemoveBlock{"user.remove_block",
                                      "DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2 RETURNING id"};
constexpr sql::Statement kRemoveBlockedBy{"user.remove_blocked_by",
                                          "DELETE FROM blocked_by WHERE user_id = $1 AND by_id = $2"};
constexpr sql::Statement kFindBlock{"user.find_block", "SELECT id FROM blocks WHERE user_id = $1 AND blocked_id = $2"};
constexpr sql::Statement kListBlocks{
    "user.list_blocks",
    "SELECT id, blocked_id, created_at FROM blocks WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"};
constexpr sql::Statement kCountBlocks{"user.count_blocks", "SELECT COUNT(*) FROM blocks WHERE user_id = $1"};
constexpr sql::Statement kListBlocked{"user.list_blocked",
                                      "SELECT blocked_id FROM blocks WHERE user_id = $1 AND blocked_id IN ($2:ids)"};
constexpr sql::Statement kListHidden{
    "user.list_hidden",
    "SELECT blocked_id FROM blocks WHERE user_id = $1 UNION SELECT by_id FROM blocked_by WHERE user_id = $1"};

constexpr sql::Statement kInsertKey{"user.insert_key",
                                    "INSERT INTO signing_keys (kid, jwk, created_at, expires_at)"
                                    " VALUES ($1, $2, $3, $4)"};
constexpr sql::Statement kListKeys{
    "user.list_keys",
    "SELECT kid, jwk, created_at, expires_at FROM signing_keys WHERE expires_at > $1 ORDER BY created_at DESC, kid"};

constexpr sql::Statement kInsertMail{"user.insert_mail",
                                     "INSERT INTO mails (id, recipient, subject, body, tries, next_try_at, expires_at)"
                                     " VALUES ($1, $2, $3, $4, $5, $6, $7)"};
constexpr sql::Statement kListDueMails{"user.list_due_mails",
                                       "SELECT id, recipient, subject, body, tries, next_try_at, expires_at FROM mails"
                                       " WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $2"};
constexpr sql::Statement kClaimMail{
    "user.claim_mail",
    "UPDATE mails SET tries = tries + 1, next_try_at = $3 WHERE id = $1 AND next_try_at = $2 RETURNING id"};
constexpr sql::Statement kReleaseMail{
    "user.release_mail",
    "UPDATE mails SET tries = tries - 1, next_try_at = $3 WHERE id = $1 AND next_try_at = $2 RETURNING id"};
constexpr sql::Statement kRemoveMail{"user.remove_mail", "DELETE FROM mails WHERE id = $1"};

constexpr sql::Statement kInsertDeadMail{"user.insert_dead_mail",
                                         "INSERT INTO dead_mails (id, recipient, subject, tries, error, died_at)"
                                         " VALUES ($1, $2, $3, $4, $5, $6)"};
constexpr sql::Statement kListDeadMails{
    "user.list_dead_mails",
    "SELECT id, recipient, subject, tries, error, died_at FROM dead_mails WHERE id > $1 ORDER BY id LIMIT $2"};

// As long as events that are dead letters.
constexpr std::chrono::days kDeadMailKept{90};

constexpr sql::Statement kPruneRegistrations{
    "user.prune_registrations",
    "DELETE FROM registrations WHERE (email, token_hash) IN"
    " (SELECT email, token_hash FROM registrations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    " RETURNING email"};
constexpr sql::Statement kPruneDeadMails{"user.prune_dead_mails",
                                         "DELETE FROM dead_mails WHERE id IN (SELECT id FROM dead_mails"
                                         " WHERE died_at <= $1 ORDER BY died_at LIMIT $2) RETURNING id"};
constexpr sql::Statement kPruneRefreshTokens{
    "user.prune_refresh_tokens",
    "DELETE FROM refresh_tokens WHERE token_hash IN (SELECT token_hash FROM refresh_tokens"
    " WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING token_hash"};
// Says the expiry again: a session may have been refreshed since it was found.
constexpr sql::Statement kPruneSessions{
    "user.prune_sessions",
    "DELETE FROM sessions WHERE (user_id, id) IN (SELECT user_id, id FROM sessions"
    " WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) AND expires_at <= $1 RETURNING id"};
constexpr sql::Statement kPruneRevoked{
    "user.prune_revoked",
    "DELETE FROM revoked_sessions WHERE session_id IN (SELECT session_id FROM revoked_sessions"
    " WHERE revoked_at < $1 ORDER BY revoked_at LIMIT $2) RETURNING session_id"};
constexpr sql::Statement kPruneKeys{"user.prune_keys",
                                    "DELETE FROM signing_keys WHERE kid IN (SELECT kid FROM signing_keys"
                                    " WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2) RETURNING kid"};

std::optional<UserId> first_user(sql::Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return rows[0].id<UserId>(0);
}

std::optional<HandleOwner> owner_of(sql::Rows& rows) {
    if (rows.empty()) return std::nullopt;
    return HandleOwner{rows[0].id<UserId>(0), rows[0].number(1) != 0};
}

Profile profile_of(sql::Row row) {
    return {row.id<UserId>(0), row.take_text(1), row.take_text(2), row.take_text(3), row.take_text(4),
            row.take_text(5),  row.take_text(6), row.take_text(7), row.number(8),    row.time(9)};
}

}  // namespace

Task<std::optional<UserId>> UserStore::find_user_by_email(std::string email) {
    auto rows = co_await database_.read(kFindByEmail, sql::params(std::move(email)));
    co_return first_user(rows);
}

Task<std::optional<UserId>> UserStore::find_user_by_email(sql::Transaction& tx, std::string email) {
    auto rows = co_await tx.query(kFindByEmail, sql::params(std::move(email)));
    co_return first_user(rows);
}

Task<std::optional<Credentials>> UserStore::find_credentials(UserId user) {
    auto rows = co_await database_.read(kFindCredentials, sql::params(user));
    if (rows.empty()) co_return std::nullopt;
    co_return Credentials{rows[0].take_text(0), rows[0].take_text(1), rows[0].number(2), rows[0].number(3) != 0};
}

Task<bool> UserStore::reserve_email(sql::Transaction& tx, std::string email, UserId user) {
    auto rows = co_await tx.query(kReserveEmail, sql::params(std::move(email), user));
    co_return !rows.empty();
}

Task<void> UserStore::insert_account(sql::Transaction& tx, Credentials credentials, Profile p) {
    co_await tx.execute(kInsertAccount,
                        sql::params(p.id, std::move(credentials.email), std::move(credentials.password_hash),
                                    credentials.password_version, p.created_at));
    co_await tx.execute(kInsertProfile, sql::params(p.id, std::move(p.handle), std::move(p.name), std::move(p.headline),
                                                    std::move(p.about), std::move(p.location), std::move(p.industry),
                                                    std::move(p.pronouns), p.version, p.created_at));
}

Task<bool> UserStore::confirm_password(sql::Transaction& tx, UserId user, std::int64_t version,
                                       std::optional<std::string> rehashed) {
    auto rows = co_await tx.query(kConfirmPassword, sql::params(user, version, std::move(rehashed)));
    co_return !rows.empty();
}

Task<bool> UserStore::replace_password(sql::Transaction& tx, UserId user, std::int64_t version, std::string hash) {
    auto rows = co_await tx.query(kReplacePassword, sql::params(user, version, std::move(hash)));
    co_return !rows.empty();
}

Task<bool> UserStore::reset_password(sql::Transaction& tx, UserId user, std::string hash) {
    auto rows = co_await tx.query(kResetPassword, sql::params(user, std::move(hash)));
    co_return !rows.empty();
}

Task<bool> UserStore::replace_email(sql::Transaction& tx, EmailChange change) {
    const bool is_free = co_await reserve_email(tx, change.email, change.user_id);
    if (!is_free) co_return false;
    auto rows = co_await tx.query(kReplaceEmail, sql::params(change.user_id, change.old_email, change.email));
    if (rows.empty()) co_return false;
    co_await tx.execute(kReleaseEmail, sql::params(std::move(change.old_email), change.user_id));
    co_return true;
}

Task<bool> UserStore::set_disabled(sql::Transaction& tx, UserId user, std::optional<Time> since) {
    auto rows = co_await tx.query(kSetDisabled, sql::params(user, since ? to_micros(*since) : 0));
    co_return !rows.empty();
}

Task<std::vector<ListedAccount>> UserStore::list_accounts(UserId after, int limit) {
    auto rows = co_await database_.read(kListAccounts, sql::params(after, limit));
    std::vector<ListedAccount> accounts;
    accounts.reserve(rows.size());
    for (auto row : rows) {
        std::optional<Time> disabled_at;
        if (row.number(5) != 0) disabled_at = row.time(5);
        accounts.push_back(
            {row.id<UserId>(0), row.take_text(1), row.take_text(2), row.take_text(3), row.time(4), disabled_at});
    }
    co_return accounts;
}

Task<void> UserStore::insert_registration(sql::Transaction& tx, Registration r, std::int64_t most) {
    co_await tx.execute(kInsertRegistration,
                        sql::params(r.email, r.token_hash, r.tries_left, std::move(r.password_hash), std::move(r.name),
                                    std::move(r.handle), r.expires_at));
    co_await tx.execute(kTrimRegistrations, sql::params(std::move(r.email), std::move(r.token_hash), most));
}

Task<std::optional<Registration>> UserStore::take_try(sql::Transaction& tx, std::string email, std::string token_hash,
                                                      Time now) {
    auto rows = co_await tx.query(kTakeTry, sql::params(email, token_hash, now));
    if (rows.empty()) co_return std::nullopt;
    auto row = rows[0];
    co_return Registration{std::move(email), std::move(token_hash), row.number(0), row.take_text(1),
                           row.take_text(2), row.take_text(3),      row.time(4)};
}

Task<bool> UserStore::extend_registration(sql::Transaction& tx, std::string email, std::string token_hash, Time now,
                                          Time expires_at) {
    auto rows =
        co_await tx.query(kExtendRegistration, sql::params(std::move(email), std::move(token_hash), now, expires_at));
    co_return !rows.empty();
}

Task<void> UserStore::remove_registration(sql::Transaction& tx, std::string email, std::string token_hash) {
    co_await tx.execute(kRemoveRegistration, sql::params(std::move(email), std::move(token_hash)));
}

Task<std::optional<HandleOwner>> UserStore::find_handle(std::string handle) {
    auto rows = co_await database_.read(kFindHandle, sql::params(std::move(handle)));
    co_return owner_of(rows);
}

Task<std::vector<std::optional<HandleOwner>>> UserStore::find_handles(std::vector<std::string> handles) {
    std::vector<sql::BoundStatement> calls;
    calls.reserve(handles.size());
    for (auto& handle : handles) calls.push_back({&kFindHandle, sql::params(std::move(handle))});
    auto answers = co_await database_.read_all(std::move(calls));
    std::vector<std::optional<HandleOwner>> owners;
    owners.reserve(answers.size());
    for (auto& rows : answers) owners.push_back(owner_of(rows));
    co_return owners;
}

Task<bool> UserStore::reserve_handle(sql::Transaction& tx, std::string handle, UserId user) {
    auto rows = co_await tx.query(kReserveHandle, sql::params(std::move(handle), user));
    co_return !rows.empty();
}

Task<void> UserStore::retire_handle(sql::Transaction& tx, std::string handle, UserId user) {
    co_await tx.execute(kRetireHandle, sql::params(std::move(handle), user));
}

Task<std::vector<Profile>> UserStore::list_profiles(std::vector<UserId> ids) {
    auto rows = co_await database_.read(kListProfiles, sql::params(sql::ids_of(std::span<const UserId>(ids))));
    std::vector<Profile> profiles;
    profiles.reserve(rows.size());
    for (auto row : rows) profiles.push_back(profile_of(row));
    co_return profiles;
}

Task<std::vector<Card>> UserStore::list_cards(std::vector<UserId> ids) {
    auto rows = co_await database_.read(kListCards, sql::params(sql::ids_of(std::span<const UserId>(ids))));
    std::vector<Card> cards;
    cards.reserve(rows.size());
    for (auto row : rows) cards.push_back({row.id<UserId>(0), row.take_text(1), row.take_text(2), row.take_text(3)});
    co_return cards;
}

Task<std::vector<Traits>> UserStore::list_traits(std::vector<UserId> ids) {
    auto rows = co_await database_.read(kListTraits, sql::params(sql::ids_of(std::span<const UserId>(ids))));
    std::vector<Traits> traits;
    traits.reserve(rows.size());
    for (auto row : rows) traits.push_back({row.id<UserId>(0), row.take_text(1), row.take_text(2)});
    co_return traits;
}

Task<std::optional<Profile>> UserStore::raise_version(sql::Transaction& tx, UserId user) {
    auto rows = co_await tx.query(kRaiseVersion, sql::params(user));
    if (rows.empty()) co_return std::nullopt;
    co_return profile_of(rows[0]);
}

Task<void> UserStore::update_profile(sql::Transaction& tx, Profile p) {
    co_await tx.execute(kUpdateProfile, sql::params(p.id, std::move(p.handle), std::move(p.name), std::move(p.headline),
                                                    std::move(p.about), std::move(p.location), std::move(p.industry),
                                                    std::move(p.pronouns)));
}

Task<void> UserStore::insert_session(sql::Transaction& tx, StoredSession s) {
    co_await tx.execute(kInsertRefreshToken, sql::params(s.token_hash, s.user_id, s.id, s.expires_at));
    co_await tx.execute(kInsertSession,
                        sql::params(s.user_id, s.id, std::move(s.token_hash), std::move(s.device), std::move(s.ip),
                                    std::move(s.user_agent), s.created_at, s.last_seen_at, s.expires_at));
}

Task<std::optional<TokenRoute>> UserStore::find_refresh_token(std::string token_hash) {
    auto rows = co_await database_.read(kFindRefreshToken, sql::params(std::move(token_hash)));
    if (rows.empty()) co_return std::nullopt;
    co_return TokenRoute{rows[0].id<UserId>(0), rows[0].id<SessionId>(1), rows[0].time(2)};
}

Task<bool> UserStore::rotate_token(sql::Transaction& tx, Rotation rotation) {
    StoredSession& next = rotation.next;
    auto rows = co_await tx.query(
        kRotateToken, sql::params(next.user_id, next.id, std::move(rotation.from_hash), next.token_hash,
                                  std::move(rotation.successor_salt), std::move(next.ip), std::move(next.user_agent),
                                  next.last_seen_at, next.expires_at));
    if (rows.empty()) co_return false;
    co_await tx.execute(kInsertRefreshToken,
                        sql::params(std::move(next.token_hash), next.user_id, next.id, next.expires_at));
    co_return true;
}

Task<std::optional<std::string>> UserStore::find_successor_salt(sql::Transaction& tx, TokenRoute route,
                                                                std::string token_hash, Time now,
                                                                std::chrono::microseconds grace) {
    auto rows = co_await tx.query(
        kFindSuccessor, sql::params(route.user_id, route.session_id, std::move(token_hash), now, grace.count()));
    if (rows.empty()) co_return std::nullopt;
    co_return rows[0].take_text(0);
}

Task<std::vector<StoredSession>> UserStore::list_sessions(UserId user, SessionId before, Time now, int limit) {
    auto rows = co_await database_.read(kListSessions, sql::params(user, before, now, limit));
    std::vector<StoredSession> sessions;
    sessions.reserve(rows.size());
    for (auto row : rows)
        sessions.push_back({user,
                            row.id<SessionId>(0),
                            {},
                            row.take_text(1),
                            row.take_text(2),
                            row.take_text(3),
                            row.time(4),
                            row.time(5),
                            row.time(6)});
    co_return sessions;
}

Task<bool> UserStore::remove_session(sql::Transaction& tx, UserId user, SessionId session, Time now) {
    auto rows = co_await tx.query(kRemoveSession, sql::params(user, session));
    if (rows.empty()) co_return false;
    co_await tx.execute(kInsertRevoked, sql::params(session, user, now));
    co_return true;
}

Task<std::vector<SessionId>> UserStore::remove_other_sessions(sql::Transaction& tx, UserId user, SessionId kept,
                                                              Time now) {
    auto rows = co_await tx.query(kRemoveOtherSessions, sql::params(user, kept));
    std::vector<SessionId> removed;
    removed.reserve(rows.size());
    for (auto row : rows) removed.push_back(row.id<SessionId>(0));
    for (auto session : removed) co_await tx.execute(kInsertRevoked, sql::params(session, user, now));
    co_return removed;
}

Task<std::vector<RevokedSession>> UserStore::list_revoked(RevokedSession last, std::size_t limit) {
    auto rows = co_await database_.read(kListRevoked, sql::params(last.revoked_at, last.id, limit));
    std::vector<RevokedSession> revoked;
    revoked.reserve(rows.size());
    for (auto row : rows) revoked.push_back({row.id<SessionId>(0), row.time(1)});
    co_return revoked;
}

Task<std::size_t> UserStore::count_blocks(UserId user) {
    auto rows = co_await database_.read(kCountBlocks, sql::params(user));
    co_return static_cast<std::size_t>(rows[0].number(0));
}

Task<bool> UserStore::insert_block(sql::Transaction& tx, UserId user, StoredBlock block) {
    auto rows = co_await tx.query(kInsertBlock, sql::params(user, block.blocked_id, block.id, block.created_at));
    if (rows.empty()) co_return false;
    co_await tx.execute(kInsertBlockedBy, sql::params(block.blocked_id, user));
    co_return true;
}

Task<bool> UserStore::remove_block(sql::Transaction& tx, UserId user, UserId blocked) {
    auto rows = co_await tx.query(kRemoveBlock, sql::params(user, blocked));
    if (rows.empty()) co_return false;
    co_await tx.execute(kRemoveBlockedBy, sql::params(blocked, user));
    co_return true;
}

Task<bool> UserStore::is_blocked(UserId user, UserId blocked) {
    auto rows = co_await database_.read(kFindBlock, sql::params(user, blocked));
    co_return !rows.empty();
}

Task<std::vector<StoredBlock>> UserStore::list_blocks(UserId user, BlockId before, int limit) {
    auto rows = co_await database_.read(kListBlocks, sql::params(user, before, limit));
    std::vector<StoredBlock> blocks;
    blocks.reserve(rows.size());
    for (auto row : rows) blocks.push_back({row.id<BlockId>(0), row.id<UserId>(1), row.time(2)});
    co_return blocks;
}

Task<UserSet> UserStore::list_blocked(UserId user, std::vector<UserId> others) {
    auto rows = co_await database_.read(kListBlocked, sql::params(user, sql::ids_of(std::span<const UserId>(others))));
    UserSet blocked;
    for (auto row : rows) blocked.insert(row.id<UserId>(0));
    co_return blocked;
}

Task<UserSet> UserStore::list_hidden(UserId user) {
    auto rows = co_await database_.read(kListHidden, sql::params(user));
    UserSet hidden;
    hidden.reserve(rows.size());
    for (auto row : rows) hidden.insert(row.id<UserId>(0));
    co_return hidden;
}

Task<void> UserStore::insert_key(sql::Transaction& tx, StoredKey key) {
    co_await tx.execute(kInsertKey,
                        sql::params(std::move(key.kid), std::move(key.jwk), key.created_at, key.expires_at));
}

Task<std::vector<StoredKey>> UserStore::list_keys(Time now) {
    auto rows = co_await database_.read(kListKeys, sql::params(now));
    std::vector<StoredKey> keys;
    keys.reserve(rows.size());
    for (auto row : rows) keys.push_back({row.take_text(0), row.take_text(1), row.time(2), row.time(3)});
    co_return keys;
}

Task<void> UserStore::insert_mail(sql::Transaction& tx, StoredMail mail) {
    co_await tx.execute(kInsertMail, sql::params(mail.id, std::move(mail.recipient), std::move(mail.subject),
                                                 std::move(mail.body), mail.tries, mail.next_try_at, mail.expires_at));
}

Task<std::vector<StoredMail>> UserStore::list_due_mails(Time now, int limit) {
    auto rows = co_await database_.read(kListDueMails, sql::params(now, limit));
    std::vector<StoredMail> mails;
    mails.reserve(rows.size());
    for (auto row : rows)
        mails.push_back({row.id<MailId>(0), row.take_text(1), row.take_text(2), row.take_text(3), row.number(4),
                         row.time(5), row.time(6)});
    co_return mails;
}

Task<bool> UserStore::claim_mail(sql::Transaction& tx, StoredMail mail, Time next_try_at) {
    auto rows = co_await tx.query(kClaimMail, sql::params(mail.id, mail.next_try_at, next_try_at));
    co_return !rows.empty();
}

Task<void> UserStore::release_mail(sql::Transaction& tx, MailId mail, Time claimed_until, Time now) {
    co_await tx.execute(kReleaseMail, sql::params(mail, claimed_until, now));
}

Task<void> UserStore::remove_mail(sql::Transaction& tx, MailId mail) {
    co_await tx.execute(kRemoveMail, sql::params(mail));
}

Task<void> UserStore::bury_mail(sql::Transaction& tx, DeadMail mail) {
    co_await remove_mail(tx, mail.id);
    co_await tx.execute(kInsertDeadMail, sql::params(mail.id, std::move(mail.recipient), std::move(mail.subject),
                                                     mail.tries, std::move(mail.error), mail.died_at));
}

Task<std::vector<DeadMail>> UserStore::list_dead_mails(MailId after, int limit) {
    auto rows = co_await database_.read(kListDeadMails, sql::params(after, limit));
    std::vector<DeadMail> mails;
    mails.reserve(rows.size());
    for (auto row : rows)
        mails.push_back(
            {row.id<MailId>(0), row.take_text(1), row.take_text(2), row.number(3), row.take_text(4), row.time(5)});
    co_return mails;
}

Task<bool> UserStore::prune(Time now, Time revoked_before, std::chrono::milliseconds time) {
    const std::array<std::pair<const sql::Statement*, Time>, 6> expired{{{&kPruneRegistrations, now},
                                                                         {&kPruneDeadMails, now - kDeadMailKept},
                                                                         {&kPruneRefreshTokens, now},
                                                                         {&kPruneRevoked, revoked_before},
                                                                         {&kPruneKeys, now},
                                                                         {&kPruneSessions, now}}};
    bool is_done = true;
    for (const auto& [statement, before] : expired)
        is_done &= co_await sql::delete_in_batches(database_, *statement, sql::params(before), time);
    co_return is_done;
}

}  // namespace guildhall::user
