#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/clock.hpp"
#include "platform/base/cursor.hpp"
#include "platform/base/id.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/response.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/connection/cached_members.hpp"
#include "services/connection/cached_network.hpp"
#include "services/connection/connection_api.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/follow_store.hpp"
#include "services/connection/member_store.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/user/public/directory.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::connection {

using http::Caller;

/// The rules of invitations and connections. A member hidden from the caller (by a block, either way) does not exist
/// for the caller: not_found here, left out there. Thread-safe.
class ConnectionService {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        ConnectionStore& store;
        MemberStore& member_store;
        FollowStore& follows;
        CachedNetwork& network;
        CachedMembers& members;
        Degrees& degrees;
        cache::Coherence& coherence;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
        user::Directory& directory;
    };
    ConnectionService(Parts parts, const Limits& limits)
        : store_(parts.store),
          member_store_(parts.member_store),
          follows_(parts.follows),
          network_(parts.network),
          members_(parts.members),
          degrees_(parts.degrees),
          coherence_(parts.coherence),
          ids_(parts.ids),
          clock_(parts.clock),
          outbox_(parts.outbox),
          directory_(parts.directory),
          limits_(limits) {}

    // Invitations.

    /// Invites a member. When that one has invited the caller before, ignored or not, both are connected at once and
    /// the answer is an accepted invitation. Errors: unprocessable (self_invitation); not_found; conflict:
    /// already_connected, already_invited, cool_down (retry_after says how long), connection_limit, too_many_pending;
    /// forbidden (invitation_restricted: the invitee chose who may); too_many_requests (invitation_limit; retry_after
    /// says until when).
    Task<Result<http::Created<Invitation>>> invite(Caller caller, Invite body);

    /// The pending invitations to the caller that are not ignored, newest first.
    Task<Result<Page<Invitation>>> list_received(Caller caller, json::PageQuery query);

    /// The pending invitations of the caller, newest first; also those that were ignored, which nothing shows.
    Task<Result<Page<Invitation>>> list_sent(Caller caller, json::PageQuery query);

    /// An invitation to or of the caller, whatever its state. Errors: not_found.
    Task<Result<Invitation>> find_invitation(Caller caller, InvitationId id);

    /// Accepts an invitation to the caller; both become connected, in one transaction with the event. Again: the same
    /// answer.
    /// Errors: not_found, also for the inviter; conflict: connection_limit, invitation_withdrawn, invitation_over
    /// (ignored, or accepted and disconnected since). A member who ignored an invitation and has second thoughts
    /// invites the inviter.
    Task<Result<Invitation>> accept(Caller caller, InvitationId id);

    /// Takes an invitation from the caller's list; the inviter cannot see it. Again: no change. Errors: not_found;
    /// conflict: invitation_withdrawn, invitation_over (accepted).
    Task<Result<void>> ignore(Caller caller, InvitationId id);

    /// Takes the caller's own invitation back, which starts the cool-down. Errors: not_found, also when it is withdrawn
    /// already; conflict: invitation_over (accepted).
    Task<Result<void>> withdraw(Caller caller, InvitationId id);

    // Connections.

    /// A page of the caller's own connections.
    Task<Result<Page<ConnectionItem>>> list_connections(Caller caller, ListConnections query);

    /// Errors: not_found; forbidden: connections_hidden unless the caller is `user`, or connected with `user`, who does
    /// not hide them. Connections who hide theirs are left out for all but `user`.
    Task<Result<Page<ConnectionItem>>> list_connections_of(Caller caller, UserId user, ListConnections query);

    /// Ends a connection; the other is not told. Errors: not_found when there is none.
    Task<Result<void>> disconnect(Caller caller, UserId user);

    /// Whom the caller and `user` are both connected with, by id; see CachedMembers::mutual(). Errors: not_found.
    Task<Result<MutualConnections>> list_mutual(Caller caller, UserId user, json::PageQuery query);

    /// One Relationship for each id that was asked, in that order.
    Task<Result<Page<Relationship>>> list_relationships(Caller caller, AskRelationships query);

    // Import.

    /// Connects members in one transaction, with the events, and gives the number of new connections. Pairs that are
    /// connected already or block each other are skipped, so a broken import can be run again; a pending invitation
    /// becomes accepted. At best 500 to 1,000 a call, in the order of an edge list. Errors: unprocessable, and nothing
    /// is written, for a connection with oneself and for a member who does not exist.
    Task<Result<std::size_t>> import_connections(std::vector<ImportedConnection> connections);

    // Effects of events.

    /// Ends whatever is between the two, silently, and keeps them apart until unblocked().
    Task<void> blocked(sql::Transaction& tx, user::Blocked event);
    /// What the block ended does not come back.
    Task<void> unblocked(sql::Transaction& tx, user::Unblocked event);
    /// Brings the copies of a member's name up to date. May be repeated.
    Task<void> refresh_name(UserId user);

private:
    /// The names of a pair as they are copied into the lists of each other.
    struct Names {
        std::string low;
        std::string high;
        friend bool operator==(const Names&, const Names&) = default;
    };

    Task<Result<Page<Invitation>>> list_pending(Caller caller, Direction direction, json::PageQuery query);
    Task<Result<Page<ConnectionItem>>> page_of_connections(UserId me, UserId owner, ListConnections query);
    Task<bool> is_welcome(UserId me, UserId them, std::optional<json::Email> email);
    Task<bool> has_most_connections(std::vector<UserId> members);
    Task<Result<void>> count_invitation(sql::Transaction& tx, UserId inviter, Time now);
    Task<Result<Invitation>> invitation_of(UserId me, InvitationRow row);
    Task<Result<Invitation>> find_own(UserId me, InvitationId id, Direction direction);

    Task<void> connect(sql::Transaction& tx, Pair& pair, Time now, Names names, UserId accepter,
                       std::string_view traceparent);
    Task<void> forget_follows(sql::Transaction& tx, Pair& pair);

    /// The lists that a pair's connection is in.
    static cache::Change lists_of(PairKey key);
    static Names names_of(PairKey key, const user::Card& a, const user::Card& b);
    Task<std::optional<Names>> current_names(PairKey key);
    Task<void> repair_names(PairKey key, Names written);

    ConnectionStore& store_;
    MemberStore& member_store_;
    FollowStore& follows_;
    CachedNetwork& network_;
    CachedMembers& members_;
    Degrees& degrees_;
    cache::Coherence& coherence_;
    IdGenerator& ids_;
    const Clock& clock_;
    outbox::Outbox& outbox_;
    user::Directory& directory_;
    const Limits limits_;
};

}  // namespace guildhall::connection
