#include "services/connection/connection_service.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <ranges>
#include <span>
#include <unordered_map>
#include <utility>

#include "platform/cache/transact.hpp"
#include "platform/http/idempotency.hpp"
#include "services/connection/mutual.hpp"
#include "services/connection/public/cache_kinds.hpp"
#include "services/connection/public/events.hpp"
#include "services/connection/sort_name.hpp"
#include "services/connection/visible_rows.hpp"

namespace guildhall::connection {
namespace {

// Kinds of cursors.
constexpr std::string_view kReceived = "invitations.received";
constexpr std::string_view kSent = "invitations.sent";
constexpr std::string_view kByTime = "connections.recent";
constexpr std::string_view kByName = "connections.name";
constexpr std::string_view kMutual = "connections.mutual";

Error no_invitation() { return {Code::not_found, "there is no such invitation"}; }
Error no_connection() { return {Code::not_found, "you are not connected with this member"}; }
Error withdrawn() { return {Code::conflict, "the invitation was withdrawn", "invitation_withdrawn"}; }
Error over() { return {Code::conflict, "the invitation was answered before", "invitation_over"}; }

Error not_welcome() { return {Code::forbidden, "this member chose who may invite them", "invitation_restricted"}; }
Error connection_limit() {
    return {Code::conflict, "one of you has as many connections as one can have", "connection_limit"};
}

Error self_invitation() {
    const std::string detail = "members cannot invite themselves";
    return {Code::unprocessable, detail, "self_invitation", {{"/user_id", "self_invitation", detail}}};
}

Error cool_down(std::chrono::microseconds wait) {
    return {Code::conflict,
            "you withdrew an invitation to this member a short time ago",
            "cool_down",
            {},
            std::chrono::ceil<std::chrono::seconds>(wait)};
}

/// A page request for a member's connections.
struct ConnectionPageRequest {
    ConnectionSort sort;
    std::optional<ConnectionRow> after;
    std::size_t limit;

    /// Errors: invalid (a fault at /cursor) when the cursor is of another list.
    static Result<ConnectionPageRequest> of(const ListConnections& query) {
        ConnectionPageRequest request{query.sort.value_or(ConnectionSort::recent), std::nullopt,
                                      static_cast<std::size_t>(query.limit.value)};
        if (!query.cursor) return request;
        auto cursor = Cursor::decode(query.cursor->value, request.kind(), 2);
        if (!cursor) return cursor.error();
        request.after =
            ConnectionRow{UserId{cursor->numbers[0]}, from_micros(cursor->numbers[1]), std::move(cursor->text)};
        return request;
    }

    std::string cursor_after(const std::optional<ConnectionRow>& row) const {
        Cursor cursor{std::string(kind()), {row->peer_id.value, to_micros(row->connected_at)}, {}};
        if (sort == ConnectionSort::name) cursor.text = row->sort_name;
        return cursor.encode();
    }

private:
    std::string_view kind() const { return sort == ConnectionSort::recent ? kByTime : kByName; }
};

}  // namespace

// Invitations.

Task<Result<http::Created<Invitation>>> ConnectionService::invite(Caller caller, Invite body) {
    const UserId me = caller.id;
    const UserId them = body.user_id;
    if (me == them) co_return self_invitation();
    if (co_await directory_.is_hidden(me, them)) co_return user::no_such_member();

    const auto id = ids_.next<InvitationId>();
    const Time now = clock_.now();
    InvitationRow row{
        id, Direction::sent, them, InvitationState::pending, body.note ? std::move(body.note->value) : std::string(),
        now};
    auto answer = co_await invitation_of(me, row);
    if (!answer) co_return user::no_such_member();
    const bool may_invite = co_await is_welcome(me, them, body.email);
    if (!may_invite && body.email) {
        // A wrong address counts like an invitation: nobody finds one out by trying.
        auto guess = [&](sql::Transaction& tx) { return count_invitation(tx, me, now); };
        auto counted = co_await store_.database().transact<void>(guess);
        if (!counted) co_return counted.error();
    }
    const bool is_full = co_await has_most_connections({me});
    const bool is_one_full = is_full || co_await has_most_connections({them});

    const PairKey key = PairKey::of(me, them);
    const Names names = names_of(key, answer->inviter, answer->invitee);
    const std::string location = "/v1/invitations/" + std::to_string(id.value);
    cache::Changes changes;
    auto send = [&](sql::Transaction& tx) -> Task<Result<void>> {
        Pair pair = co_await store_.lock_or_insert_pair(tx, key);
        if (pair.is_blocked()) co_return user::no_such_member();
        if (pair.state == PairState::connected)
            co_return Error{Code::conflict, "you are connected already", "already_connected"};
        const bool is_crossing = pair.state == PairState::invited;
        if (is_crossing && pair.inviter_id == me)
            co_return Error{Code::conflict, "you have invited this member already", "already_invited"};

        if (is_full || (is_crossing && is_one_full)) co_return connection_limit();

        answer->state = is_crossing ? InvitationState::accepted : InvitationState::pending;
        if (is_crossing) {
            co_await store_.insert_invitation(tx, id, me, them, InvitationState::accepted, row.note, now);
            co_await connect(tx, pair, now, names, me, caller.request->traceparent);
            changes = {lists_of(key)};
        } else {
            if (pair.may_invite_at(me) > now) co_return cool_down(pair.may_invite_at(me) - now);
            if (!may_invite) co_return not_welcome();
            auto within = co_await count_invitation(tx, me, now);
            if (!within) co_return within;
            pair.state = PairState::invited;
            pair.inviter_id = me;
            pair.invitation_id = id;
            pair.is_ignored = false;
            co_await store_.insert_invitation(tx, id, me, them, InvitationState::pending, row.note, now);
            co_await store_.update_pair(tx, pair);
            const Invited event{key.low, key.high, me, them};
            co_await outbox_.append(tx, event, caller.request->traceparent);
        }
        co_return co_await http::remember(tx, *caller.request, *answer, location);
    };
    auto sent = co_await cache::transact<void>(store_.database(), coherence_, changes, send);
    if (!sent) co_return sent.error();
    if (answer->state == InvitationState::accepted) co_await repair_names(key, names);
    co_return http::Created<Invitation>{std::move(*answer), location};
}

Task<Result<Page<Invitation>>> ConnectionService::list_received(Caller caller, json::PageQuery query) {
    return list_pending(caller, Direction::received, std::move(query));
}

Task<Result<Page<Invitation>>> ConnectionService::list_sent(Caller caller, json::PageQuery query) {
    return list_pending(caller, Direction::sent, std::move(query));
}

Task<Result<Page<Invitation>>> ConnectionService::list_pending(Caller caller, Direction direction,
                                                               json::PageQuery query) {
    const UserId me = caller.id;
    const std::string_view kind = direction == Direction::received ? kReceived : kSent;
    const auto request = http::PageRequest::of(query, kind);
    if (!request) co_return request.error();

    const auto hidden = co_await directory_.hidden_from(me);
    auto fetch = [&](std::int64_t before, std::size_t count) {
        return store_.list_pending(me, direction, InvitationId{before}, count);
    };
    const auto key_of = [](const InvitationRow& row) { return row.id.value; };
    auto pending = co_await page_of_visible<InvitationRow>(*request, fetch, key_of, *hidden);
    std::vector<InvitationRow>& rows = pending.items;
    Page<Invitation> page{{}, std::move(pending.next_cursor)};
    if (rows.empty()) co_return page;

    std::vector<UserId> people = peers_of(rows);
    people.push_back(me);
    const auto cards = co_await directory_.cards(people);
    if (!cards.back()) co_return user::no_such_member();
    const auto lists = co_await network_.connections_of_all(std::move(people));
    page.items.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!cards[i]) continue;  // the account is gone, its invitations follow
        const Ids mutual = co_await members_.mutual(*lists.back(), rows[i].peer_id, *lists[i], *hidden);
        const bool is_mine = direction == Direction::sent;
        page.items.push_back({.id = rows[i].id,
                              .state = rows[i].state,
                              .inviter = is_mine ? *cards.back() : *cards[i],
                              .invitee = is_mine ? *cards[i] : *cards.back(),
                              .note = std::move(rows[i].note),
                              .mutual_count = static_cast<std::int64_t>(mutual.size()),
                              .created_at = rows[i].created_at});
    }
    co_return page;
}

Task<Result<Invitation>> ConnectionService::find_invitation(Caller caller, InvitationId id) {
    auto row = co_await store_.find_invitation(caller.id, id);
    if (!row || co_await directory_.is_hidden(caller.id, row->peer_id)) co_return no_invitation();
    co_return co_await invitation_of(caller.id, std::move(*row));
}

Task<Result<Invitation>> ConnectionService::accept(Caller caller, InvitationId id) {
    const UserId me = caller.id;
    auto invitation = co_await find_own(me, id, Direction::received);
    if (!invitation) co_return invitation.error();
    const bool is_full = co_await has_most_connections({me, invitation->inviter.id});

    const PairKey key = PairKey::of(me, invitation->inviter.id);
    const Names names = names_of(key, invitation->inviter, invitation->invitee);
    const Time now = clock_.now();
    cache::Changes changes;
    auto answer = [&](sql::Transaction& tx) -> Task<Result<void>> {
        auto pair = co_await store_.lock_pair(tx, key);
        if (!pair || pair->is_blocked()) co_return no_invitation();
        if (pair->has_pending(id) && !pair->is_ignored) {
            if (is_full) co_return connection_limit();
            co_await connect(tx, *pair, now, names, me, caller.request->traceparent);
            changes = {lists_of(key)};
            co_return Result<void>{};
        }
        const auto row = co_await store_.find_invitation(tx, me, id);
        if (!row) co_return no_invitation();
        if (row->state == InvitationState::withdrawn) co_return withdrawn();
        if (row->state != InvitationState::accepted || pair->state != PairState::connected) co_return over();
        co_return Result<void>{};
    };
    auto accepted = co_await cache::transact<void>(store_.database(), coherence_, changes, answer);
    if (!accepted) co_return accepted.error();
    co_await repair_names(key, names);
    invitation->state = InvitationState::accepted;
    co_return invitation;
}

Task<Result<void>> ConnectionService::ignore(Caller caller, InvitationId id) {
    const UserId me = caller.id;
    const auto invitation = co_await find_own(me, id, Direction::received);
    if (!invitation) co_return invitation.error();

    const PairKey key = PairKey::of(me, invitation->inviter.id);
    auto put_away = [&](sql::Transaction& tx) -> Task<Result<void>> {
        auto pair = co_await store_.lock_pair(tx, key);
        if (!pair || pair->is_blocked()) co_return no_invitation();
        if (pair->has_pending(id)) {
            pair->is_ignored = true;
            co_await store_.update_pair(tx, *pair);
            co_await store_.update_invitation(tx, me, id, InvitationState::ignored);
            co_return Result<void>{};
        }
        const auto row = co_await store_.find_invitation(tx, me, id);
        if (!row) co_return no_invitation();
        co_return row->state == InvitationState::withdrawn ? withdrawn() : over();
    };
    co_return co_await store_.database().transact<void>(put_away);
}

Task<Result<void>> ConnectionService::withdraw(Caller caller, InvitationId id) {
    const UserId me = caller.id;
    const auto invitation = co_await find_own(me, id, Direction::sent);
    if (!invitation) co_return invitation.error();

    const PairKey key = PairKey::of(me, invitation->invitee.id);
    const Time may_invite_at = clock_.now() + kCoolDown;
    auto take_back = [&](sql::Transaction& tx) -> Task<Result<void>> {
        auto pair = co_await store_.lock_pair(tx, key);
        if (!pair || pair->is_blocked()) co_return no_invitation();
        if (pair->has_pending(id)) {
            pair->forget_invitation();
            (me == key.low ? pair->low_may_invite_at : pair->high_may_invite_at) = may_invite_at;
            co_await store_.update_pair(tx, *pair);
            co_await store_.update_invitation(tx, key, id, InvitationState::withdrawn);
            co_return Result<void>{};
        }
        const auto row = co_await store_.find_invitation(tx, me, id);
        if (!row || row->state == InvitationState::withdrawn) co_return no_invitation();
        co_return over();
    };
    co_return co_await store_.database().transact<void>(take_back);
}

/// True when `them` lets `me` invite them.
Task<bool> ConnectionService::is_welcome(UserId me, UserId them, std::optional<json::Email> email) {
    const Member invitee = co_await members_.member(them);
    if (invitee.who_may_invite == WhoMayInvite::everyone) co_return true;
    if (email && co_await directory_.has_email(them, std::move(email->value))) co_return true;
    if (invitee.who_may_invite == WhoMayInvite::email_known) co_return false;
    const auto lists = co_await network_.connections_of_all({me, them});
    const auto hidden = co_await directory_.hidden_from(me);
    const Ids mutual = co_await members_.mutual(*lists[0], them, *lists[1], *hidden);
    co_return !mutual.empty();
}

/// True when one of them has. What is connected at the same moment may go beyond.
Task<bool> ConnectionService::has_most_connections(std::vector<UserId> members) {
    for (const auto& list : co_await network_.connections_of_all(std::move(members)))
        if (list->size() >= limits_.connections) co_return true;
    co_return false;
}

/// Counts one that is about to be sent, within the limits. Errors: too_many_requests (invitation_limit); conflict
/// (too_many_pending).
Task<Result<void>> ConnectionService::count_invitation(sql::Transaction& tx, UserId inviter, Time now) {
    const MemberStore::Window window = co_await member_store_.count_invitation(tx, inviter, now);
    if (window.sent > limits_.invitations_a_week)
        co_return Error{Code::too_many_requests,
                        "you have sent as many invitations as one can in a week",
                        "invitation_limit",
                        {},
                        std::chrono::ceil<std::chrono::seconds>(window.began_at + kInvitationWindow - now)};
    const std::size_t pending = co_await store_.count_pending(tx, inviter, limits_.pending_invitations);
    if (pending >= limits_.pending_invitations)
        co_return Error{Code::conflict, "too many of your invitations wait for an answer; withdraw some",
                        "too_many_pending"};
    co_return Result<void>{};
}

/// The invitation when `me` is that side of it and may see the other.
Task<Result<Invitation>> ConnectionService::find_own(UserId me, InvitationId id, Direction direction) {
    auto row = co_await store_.find_invitation(me, id);
    if (!row || row->direction != direction || co_await directory_.is_hidden(me, row->peer_id))
        co_return no_invitation();
    co_return co_await invitation_of(me, std::move(*row));
}

Task<Result<Invitation>> ConnectionService::invitation_of(UserId me, InvitationRow row) {
    const bool is_mine = row.direction == Direction::sent;
    const UserId inviter = is_mine ? me : row.peer_id;
    const UserId invitee = is_mine ? row.peer_id : me;
    const std::vector<UserId> people{inviter, invitee};
    const auto cards = co_await directory_.cards(people);
    if (!cards[0] || !cards[1]) co_return no_invitation();
    const auto hidden = co_await directory_.hidden_from(me);
    const auto lists = co_await network_.connections_of_all({me, row.peer_id});
    const Ids mutual = co_await members_.mutual(*lists[0], row.peer_id, *lists[1], *hidden);
    co_return Invitation{.id = row.id,
                         .state = row.state,
                         .inviter = *cards[0],
                         .invitee = *cards[1],
                         .note = std::move(row.note),
                         .mutual_count = static_cast<std::int64_t>(mutual.size()),
                         .created_at = row.created_at};
}

/// Makes a locked pair connected, and its pending invitation accepted; changes lists_of() it.
Task<void> ConnectionService::connect(sql::Transaction& tx, Pair& pair, Time now, Names names, UserId accepter,
                                      std::string_view traceparent) {
    if (pair.invitation_id)
        co_await store_.update_invitation(tx, pair.key, pair.invitation_id, InvitationState::accepted);
    pair.forget_invitation();
    co_await forget_follows(tx, pair);
    pair.state = PairState::connected;
    pair.low_may_invite_at = Time{};
    pair.high_may_invite_at = Time{};
    co_await store_.update_pair(tx, pair);
    co_await store_.insert_connection(tx, pair.key, now, std::move(names.low), std::move(names.high));
    const Connected event{pair.key.low, pair.key.high, accepter};
    co_await outbox_.append(tx, event, traceparent);
}

/// Both follows of a locked pair become implied; the caller stores the pair.
Task<void> ConnectionService::forget_follows(sql::Transaction& tx, Pair& pair) {
    if (pair.low_follow != Follow::implied) co_await follows_.remove(tx, pair.key.low, pair.key.high);
    if (pair.high_follow != Follow::implied) co_await follows_.remove(tx, pair.key.high, pair.key.low);
    pair.low_follow = Follow::implied;
    pair.high_follow = Follow::implied;
}

cache::Change ConnectionService::lists_of(PairKey key) { return {kListKind, {key.low.value, key.high.value}}; }

// Connections.

Task<Result<Page<ConnectionItem>>> ConnectionService::list_connections(Caller caller, ListConnections query) {
    return page_of_connections(caller.id, caller.id, std::move(query));
}

Task<Result<Page<ConnectionItem>>> ConnectionService::list_connections_of(Caller caller, UserId user,
                                                                          ListConnections query) {
    const UserId me = caller.id;
    if (user != me) {
        if (!co_await directory_.exists_for(me, user)) co_return user::no_such_member();
        const bool are_connected = co_await network_.are_connected(me, user);
        const Member owner = co_await members_.member(user);
        if (!are_connected || owner.hides_connections)
            co_return Error{Code::forbidden, "this member's connections are not shown to you", "connections_hidden"};
    }
    co_return co_await page_of_connections(me, user, std::move(query));
}

Task<Result<Page<ConnectionItem>>> ConnectionService::page_of_connections(UserId me, UserId owner,
                                                                          ListConnections query) {
    const auto request = ConnectionPageRequest::of(query);
    if (!request) co_return request.error();
    std::optional<NamePatterns> patterns;
    if (query.q) {
        patterns = name_patterns(query.q->value);
        if (!patterns) co_return Page<ConnectionItem>{};
    }

    const auto hidden = co_await directory_.hidden_from(me);
    auto fetch = [&](std::optional<ConnectionRow> after, std::size_t count) {
        return store_.list_connections(owner, request->sort, patterns, std::move(after), count);
    };
    const auto key_of = [](const ConnectionRow& row) { return row; };
    CachedMembers* members = owner == me ? nullptr : &members_;
    auto connections = co_await page_of_visible<ConnectionRow>(*request, fetch, key_of, *hidden, members);
    const std::vector<ConnectionRow>& rows = connections.items;
    const auto cards = co_await directory_.cards(peers_of(rows));
    Page<ConnectionItem> page{{}, std::move(connections.next_cursor)};
    page.items.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (cards[i]) page.items.push_back({*cards[i], rows[i].connected_at});
    }
    co_return page;
}

Task<Result<void>> ConnectionService::disconnect(Caller caller, UserId user) {
    if (co_await directory_.is_hidden(caller.id, user)) co_return no_connection();
    const PairKey key = PairKey::of(caller.id, user);
    cache::Changes changes;
    auto end = [&](sql::Transaction& tx) -> Task<Result<void>> {
        auto pair = co_await store_.lock_pair(tx, key);
        if (!pair || pair->state != PairState::connected) co_return no_connection();
        pair->state = PairState::none;
        co_await forget_follows(tx, *pair);
        co_await store_.update_pair(tx, *pair);
        co_await store_.remove_connection(tx, key);
        const Disconnected event{key.low, key.high, caller.id};
        co_await outbox_.append(tx, event, caller.request->traceparent);
        changes = {lists_of(key)};
        co_return Result<void>{};
    };
    co_return co_await cache::transact<void>(store_.database(), coherence_, changes, end);
}

Task<Result<MutualConnections>> ConnectionService::list_mutual(Caller caller, UserId user, json::PageQuery query) {
    const UserId me = caller.id;
    const auto request = http::PageRequest::of(query, kMutual, 0);
    if (!request) co_return request.error();
    if (!co_await directory_.exists_for(me, user)) co_return user::no_such_member();

    const auto hidden = co_await directory_.hidden_from(me);
    const auto mine = co_await network_.connections_of(me);
    const auto theirs = co_await network_.connections_of(user);
    const Ids mutual = co_await members_.mutual(*mine, user, *theirs, *hidden);
    const auto rest = std::ranges::subrange(std::ranges::upper_bound(mutual, UserId{request->after}), mutual.end());
    const auto next = rest | std::views::take(request->limit + 1);
    auto members = http::page_of(*request, Ids(next.begin(), next.end()), [](UserId user) { return user.value; });

    MutualConnections answer;
    answer.total = static_cast<std::int64_t>(mutual.size());
    answer.next_cursor = std::move(members.next_cursor);
    for (const auto& card : co_await directory_.cards(std::move(members.items))) {
        if (card) answer.items.push_back(*card);
    }
    co_return answer;
}

Task<Result<Page<Relationship>>> ConnectionService::list_relationships(Caller caller, AskRelationships query) {
    const UserId me = caller.id;
    const auto hidden = co_await directory_.hidden_from(me);
    std::vector<UserId> asked_hidden;
    std::ranges::copy_if(query.ids.items, std::back_inserter(asked_hidden),
                         [&](UserId user) { return hidden->contains(user); });
    user::UserSet blocked;
    if (!asked_hidden.empty()) blocked = co_await directory_.blocked_by(me, std::move(asked_hidden));
    std::unordered_map<UserId, Pair> pairs;
    for (Pair& pair : co_await store_.list_pairs(me, query.ids.items)) {
        const UserId other = pair.other(me);
        pairs.emplace(other, pair);
    }

    const DegreeList degrees = co_await degrees_.degrees(me, query.ids.items);

    Page<Relationship> page;
    page.items.reserve(query.ids.items.size());
    for (std::size_t i = 0; i < query.ids.items.size(); ++i) {
        const UserId user = query.ids.items[i];
        Relationship& relationship = page.items.emplace_back();
        relationship.user_id = user;
        if (!hidden->contains(user)) relationship.degree = degrees[i];
        relationship.blocked = blocked.contains(user);
        const auto found = pairs.find(user);
        // What the pair's row still says of somebody hidden ends when the block's event arrives; it is not shown until
        // then.
        if (found == pairs.end() || hidden->contains(user)) continue;
        const Pair& pair = found->second;
        relationship.connected = pair.state == PairState::connected;
        relationship.following = pair.is_following(me);
        if (pair.state != PairState::invited) continue;
        const bool is_sent = pair.inviter_id == me;
        if (!is_sent && pair.is_ignored) continue;
        relationship.invitation = is_sent ? PendingInvitation::sent : PendingInvitation::received;
        relationship.invitation_id = pair.invitation_id;
    }
    co_return page;
}

}  // namespace guildhall::connection
