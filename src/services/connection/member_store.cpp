#include "services/connection/member_store.hpp"

#include <span>
#include <utility>

#include "services/connection/stored_enum.hpp"

namespace guildhall::connection {
namespace {

#define MEMBER_COLUMNS "user_id, place, industry, who_may_invite, hides_connections, is_suggestable"

constexpr sql::Statement kListMembers{
    "connection.list_members", "SELECT " MEMBER_COLUMNS " FROM members WHERE user_id IN ($1:ids) ORDER BY user_id"};

constexpr sql::Statement kLockOrInsertMember{
    "connection.lock_or_insert_member",
    "INSERT INTO members (user_id) VALUES ($1)"
    " ON CONFLICT (user_id) DO UPDATE SET place = members.place RETURNING " MEMBER_COLUMNS};

#undef MEMBER_COLUMNS

constexpr sql::Statement kUpdateMember{
    "connection.update_member",
    "UPDATE members SET place = $2, industry = $3, who_may_invite = $4, hides_connections = $5, is_suggestable = $6"
    " WHERE user_id = $1"};

// $3: windows that began then or before are over.
constexpr sql::Statement kCountInvitation{
    "connection.count_invitation",
    "INSERT INTO members (user_id, window_began_at, sent_in_window) VALUES ($1, $2, 1)"
    " ON CONFLICT (user_id) DO UPDATE SET"
    " sent_in_window = CASE WHEN members.window_began_at <= $3 THEN 1 ELSE members.sent_in_window + 1 END,"
    " window_began_at = CASE WHEN members.window_began_at <= $3 THEN $2 ELSE members.window_began_at END"
    " RETURNING sent_in_window, window_began_at"};

constexpr sql::Statement kInsertDismissal{"connection.insert_dismissal",
                                          "INSERT INTO dismissals (user_id, peer_id, dismissed_at) VALUES ($1, $2, $3)"
                                          " ON CONFLICT (user_id, peer_id) DO NOTHING"};

constexpr sql::Statement kListDismissed{
    "connection.list_dismissed",
    "SELECT peer_id FROM dismissals WHERE user_id = $1 AND peer_id IN ($2:ids) ORDER BY peer_id"};

constexpr sql::Statement kListLastDismissed{
    "connection.list_last_dismissed",
    "SELECT peer_id FROM dismissals WHERE user_id = $1 ORDER BY dismissed_at DESC LIMIT $2"};

std::vector<Member> members_of(sql::Rows rows) {
    std::vector<Member> members;
    members.reserve(rows.size());
    for (auto row : rows)
        members.push_back({.id = row.id<UserId>(0),
                           .place = row.take_text(1),
                           .industry = row.take_text(2),
                           .who_may_invite = enum_of<WhoMayInvite>(row.text(3)),
                           .hides_connections = row.number(4) != 0,
                           .is_suggestable = row.number(5) != 0});
    return members;
}

Ids ids_of(sql::Rows rows) {
    Ids ids;
    ids.reserve(rows.size());
    for (auto row : rows) ids.push_back(row.id<UserId>(0));
    return ids;
}

}  // namespace

Task<std::vector<Member>> MemberStore::list_members(std::vector<UserId> ids) {
    co_return members_of(co_await database_.read(kListMembers, sql::params(sql::ids_of(std::span<const UserId>(ids)))));
}

Task<Member> MemberStore::lock_or_insert_member(sql::Transaction& tx, UserId id) {
    auto members = members_of(co_await tx.query(kLockOrInsertMember, sql::params(id)));
    co_return std::move(members.front());
}

Task<void> MemberStore::update_member(sql::Transaction& tx, Member member) {
    co_await tx.execute(kUpdateMember, sql::params(member.id, std::move(member.place), std::move(member.industry),
                                                   json::name_of(member.who_may_invite), member.hides_connections,
                                                   member.is_suggestable));
}

Task<MemberStore::Window> MemberStore::count_invitation(sql::Transaction& tx, UserId inviter, Time now) {
    auto rows = co_await tx.query(kCountInvitation, sql::params(inviter, now, now - kInvitationWindow));
    co_return Window{static_cast<std::size_t>(rows[0].number(0)), rows[0].time(1)};
}

Task<void> MemberStore::insert_dismissal(sql::Transaction& tx, UserId user, UserId peer, Time now) {
    co_await tx.execute(kInsertDismissal, sql::params(user, peer, now));
}

Task<Ids> MemberStore::list_dismissed(UserId user, std::vector<UserId> peers) {
    co_return ids_of(
        co_await database_.read(kListDismissed, sql::params(user, sql::ids_of(std::span<const UserId>(peers)))));
}

Task<Ids> MemberStore::list_last_dismissed(UserId user, std::size_t limit) {
    co_return ids_of(co_await database_.read(kListLastDismissed, sql::params(user, limit)));
}

}  // namespace guildhall::connection
