#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/describe/class.hpp>

#include "platform/base/id.hpp"

namespace guildhall::connection {

/// `inviter_id` invited `invitee_id`.
struct Invited {
    static constexpr std::string_view kType = "connection.invited.v1";
    UserId low_id;  // the pair, smaller id first: the ordering key
    UserId high_id;
    UserId inviter_id;
    UserId invitee_id;
    std::int64_t subject() const { return low_id.value; }
};
BOOST_DESCRIBE_STRUCT(Invited, (), (low_id, high_id, inviter_id, invitee_id))

/// Both are connected from now on; `accepter_id` accepted (or sent the crossing invitation).
struct Connected {
    static constexpr std::string_view kType = "connection.accepted.v1";
    UserId low_id;
    UserId high_id;
    UserId accepter_id;
    std::int64_t subject() const { return low_id.value; }
};
BOOST_DESCRIBE_STRUCT(Connected, (), (low_id, high_id, accepter_id))

/// Both are no longer connected; `remover_id` ended it.
struct Disconnected {
    static constexpr std::string_view kType = "connection.removed.v1";
    UserId low_id;
    UserId high_id;
    UserId remover_id;
    std::int64_t subject() const { return low_id.value; }
};
BOOST_DESCRIBE_STRUCT(Disconnected, (), (low_id, high_id, remover_id))

/// `follower_id` follows `followed_id` from now on, without being connected.
struct Followed {
    static constexpr std::string_view kType = "connection.followed.v1";
    UserId low_id;
    UserId high_id;
    UserId follower_id;
    UserId followed_id;
    std::int64_t subject() const { return low_id.value; }
};
BOOST_DESCRIBE_STRUCT(Followed, (), (low_id, high_id, follower_id, followed_id))

/// `follower_id` does not follow `followed_id` any more, connected or not. The end of a connection, which ends both
/// follows, has only the event Disconnected.
struct Unfollowed {
    static constexpr std::string_view kType = "connection.unfollowed.v1";
    UserId low_id;
    UserId high_id;
    UserId follower_id;
    UserId followed_id;
    std::int64_t subject() const { return low_id.value; }
};
BOOST_DESCRIBE_STRUCT(Unfollowed, (), (low_id, high_id, follower_id, followed_id))

/// What this service knows of a member changed: settings, or what the profile says. Companies, schools and skills will
/// come with the full profiles.
struct MemberChanged {
    static constexpr std::string_view kType = "connection.member_changed.v1";
    UserId user_id;
    std::int64_t subject() const { return user_id.value; }
};
BOOST_DESCRIBE_STRUCT(MemberChanged, (), (user_id))

}  // namespace guildhall::connection
