#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <boost/describe/enum.hpp>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"

// The nouns of the connection service.

namespace guildhall::connection {

using InvitationId = Id<struct InvitationTag>;

/// How long a member who withdrew an invitation must wait before inviting the same member again. The other direction
/// stays free.
/// Source: LinkedIn's help on withdrawn invitations.
inline constexpr std::chrono::weeks kCoolDown{3};

/// Two members, smaller id first.
struct PairKey {
    UserId low;
    UserId high;

    static PairKey of(UserId a, UserId b) { return {std::min(a, b), std::max(a, b)}; }
    friend auto operator<=>(const PairKey&, const PairKey&) = default;
};

/// What two members are to each other.
enum class PairState { none, invited, connected };
BOOST_DESCRIBE_ENUM(PairState, none, invited, connected)

/// Whether one member of a pair follows the other: `implied` when they are connected.
enum class Follow { implied, followed, unfollowed };
BOOST_DESCRIBE_ENUM(Follow, implied, followed, unfollowed)

/// Everything about two members.
struct Pair {
    PairKey key;
    PairState state = PairState::none;
    UserId inviter_id;           // while invited
    InvitationId invitation_id;  // while invited
    bool is_ignored = false;     // while invited
    Time low_may_invite_at;
    Time high_may_invite_at;
    bool low_blocks = false;
    bool high_blocks = false;
    Follow low_follow = Follow::implied;   // of the higher by the lower
    Follow high_follow = Follow::implied;  // of the lower by the higher

    bool is_blocked() const { return low_blocks || high_blocks; }
    bool has_pending(InvitationId id) const { return state == PairState::invited && invitation_id == id; }
    UserId other(UserId user) const { return user == key.low ? key.high : key.low; }
    Follow follow_by(UserId follower) const { return follower == key.low ? low_follow : high_follow; }
    /// True when the follower, one of the two, follows the other.
    bool is_following(UserId follower) const {
        const Follow follow = follow_by(follower);
        return follow == Follow::followed || (follow == Follow::implied && state == PairState::connected);
    }
    Time may_invite_at(UserId inviter) const { return inviter == key.low ? low_may_invite_at : high_may_invite_at; }

    /// Back to `none` from `invited`.
    void forget_invitation() {
        state = PairState::none;
        inviter_id = {};
        invitation_id = {};
        is_ignored = false;
    }
};

/// As the member sees it who asks: `ignored` is seen by the invitee only.
enum class InvitationState { pending, accepted, withdrawn, ignored };
BOOST_DESCRIBE_ENUM(InvitationState, pending, accepted, withdrawn, ignored)

/// Which side of an invitation a row is.
enum class Direction { sent, received };
BOOST_DESCRIBE_ENUM(Direction, sent, received)

/// One side's row of an invitation.
struct InvitationRow {
    InvitationId id;
    Direction direction = Direction::sent;
    UserId peer_id;
    InvitationState state = InvitationState::pending;
    std::string note;
    Time created_at;
};

/// Who may invite a member: everyone; those who know the member's e-mail address; those, and members who share a
/// connection with the member.
enum class WhoMayInvite { everyone, email_known, second_degree };
BOOST_DESCRIBE_ENUM(WhoMayInvite, everyone, email_known, second_degree)

/// What this service knows of a member, see the table `members`.
struct Member {
    UserId id;
    std::string place{};
    std::string industry{};
    WhoMayInvite who_may_invite = WhoMayInvite::everyone;
    bool hides_connections = false;
    bool is_suggestable = true;
    friend bool operator==(const Member&, const Member&) = default;
};

/// Bounds on what one member can do.
struct Limits {
    std::size_t invitations_a_week = 100;
    std::size_t pending_invitations = 1500;  // sent and not answered
    std::size_t connections = 30'000;
    std::size_t follows = 10'000;  // of members who are no connections, and of connections who are not followed
};

/// Order of a list of connections: newest first, or by name.
enum class ConnectionSort { recent, name };
BOOST_DESCRIBE_ENUM(ConnectionSort, recent, name)

/// One side's row of a connection.
struct ConnectionRow {
    UserId peer_id;
    Time connected_at;
    std::string sort_name;
};

/// A connection from outside, see ConnectionService::import_connections. `a` counts as the one who accepted.
struct ImportedConnection {
    UserId a;
    UserId b;
    Time connected_at;
};

}  // namespace guildhall::connection
