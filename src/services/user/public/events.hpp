#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/describe/class.hpp>

#include "platform/base/id.hpp"

namespace guildhall::user {

/// A member's account was verified: from now on others can see it.
struct Registered {
    static constexpr std::string_view kType = "user.registered.v1";
    UserId user_id;
    std::int64_t subject() const { return user_id.value; }
};
BOOST_DESCRIBE_STRUCT(Registered, (), (user_id))

/// A member changed the profile; ask the Directory for it.
struct ProfileChanged {
    static constexpr std::string_view kType = "user.profile_changed.v1";
    UserId user_id;
    std::int64_t subject() const { return user_id.value; }
};
BOOST_DESCRIBE_STRUCT(ProfileChanged, (), (user_id))

/// `user_id` blocks `blocked_id` from now on.
struct Blocked {
    static constexpr std::string_view kType = "user.blocked.v1";
    UserId user_id;
    UserId blocked_id;
    std::int64_t subject() const { return user_id.value; }
};
BOOST_DESCRIBE_STRUCT(Blocked, (), (user_id, blocked_id))

/// `user_id` no longer blocks `blocked_id`. What the block removed does not come back.
struct Unblocked {
    static constexpr std::string_view kType = "user.unblocked.v1";
    UserId user_id;
    UserId blocked_id;
    std::int64_t subject() const { return user_id.value; }
};
BOOST_DESCRIBE_STRUCT(Unblocked, (), (user_id, blocked_id))

}  // namespace guildhall::user
