#pragma once

#include <string>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "platform/base/id.hpp"

namespace guildhall::connection {

/// What has happened between the member of the stream and another.
enum class LiveKind { invited, connected };
BOOST_DESCRIBE_ENUM(LiveKind, invited, connected)

/// A message of the stream `invitations` of a member: `user_id` has sent an invitation, or is a connection now. A hint
/// to look: it may be lost or come twice, and the truth is what GET /v1/invitations/received and /v1/connections say.
struct LiveNotice {
    LiveKind kind;
    UserId user_id;
};
BOOST_DESCRIBE_STRUCT(LiveNotice, (), (kind, user_id))

/// The name of that stream on realtime::Channel.
inline std::string live_stream_of(UserId member) { return "invitations:" + std::to_string(member.value); }

}  // namespace guildhall::connection
