#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/json/constraints.hpp"
#include "services/connection/connection.hpp"
#include "services/user/public/directory.hpp"

// The contract with clients.

namespace guildhall::connection {

/// Whom to invite, and what to tell them. `email`: theirs, for those whom only people may invite who know it.
struct Invite {
    UserId user_id;
    std::optional<json::Text<0, 300>> note;
    std::optional<json::Email> email;
};
BOOST_DESCRIBE_STRUCT(Invite, (), (user_id, note, email))

/// `mutual_count`: connections that the inviter and the invitee share, of those whom the asking member may see.
struct Invitation {
    InvitationId id;
    InvitationState state = InvitationState::pending;
    user::Card inviter;
    user::Card invitee;
    std::string note;
    std::int64_t mutual_count = 0;
    Time created_at;
};
BOOST_DESCRIBE_STRUCT(Invitation, (), (id, state, inviter, invitee, note, mutual_count, created_at))

/// `q`: each of its words must be the beginning of a word of the name, whatever the case and the accents.
struct ListConnections : json::PageQuery {
    std::optional<ConnectionSort> sort;  // recent when absent
    std::optional<json::Line<1, 100>> q;
};
BOOST_DESCRIBE_STRUCT(ListConnections, (json::PageQuery), (sort, q))

/// A connection, seen from the owner of the list.
struct ConnectionItem {
    user::Card user;
    Time connected_at;
};
BOOST_DESCRIBE_STRUCT(ConnectionItem, (), (user, connected_at))

/// A page of the members whom two members are both connected with, and how many they are in all.
struct MutualConnections {
    std::vector<user::Card> items;
    std::optional<std::string> next_cursor;
    std::int64_t total = 0;
};
BOOST_DESCRIBE_STRUCT(MutualConnections, (), (items, next_cursor, total))

/// Whom the question is about; an id that is given twice counts once.
struct AskRelationships {
    json::IdList<100, UserId> ids;
};
BOOST_DESCRIBE_STRUCT(AskRelationships, (), (ids))

/// Whose pending invitation is between the two, seen from the asking member. One that the member ignored is none.
enum class PendingInvitation { none, sent, received };
BOOST_DESCRIBE_ENUM(PendingInvitation, none, sent, received)

/// What the asking member is to `user_id`. Somebody who does not exist, or who blocks the asking member, looks like a
/// stranger.
struct Relationship {
    UserId user_id;
    bool connected = false;
    PendingInvitation invitation = PendingInvitation::none;
    std::optional<InvitationId> invitation_id;
    bool following = false;
    bool blocked = false;       // by the asking member
    std::optional<int> degree;  // 0: the asking member, 1: connected, 2, 3; null: further, or the graph is unavailable
};
BOOST_DESCRIBE_STRUCT(Relationship, (), (user_id, connected, invitation, invitation_id, following, blocked, degree))

}  // namespace guildhall::connection
