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

}  // namespace guildhall::connection
