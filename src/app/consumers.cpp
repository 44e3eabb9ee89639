#include "app/consumers.hpp"

#include <algorithm>

#include "app/upcoming.hpp"
#include "services/connection/public/events.hpp"
#include "services/post/public/events.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::app {
namespace {

template <class... E>
bus::Wanted consumer(std::string name) {
    return {std::move(name), {std::string(E::kType)...}};
}

}  // namespace

std::vector<bus::Wanted> consumers_of(std::string_view service) {
    if (std::ranges::find(kUpcoming, service) != kUpcoming.end())
        return {{std::string(service) + ".upcoming", upcoming_types(service)}};
    if (service == "user") return {consumer<user::Blocked, user::Unblocked, user::ProfileChanged>("user.caches")};
    if (service == "connection")
        return {
            consumer<user::Blocked, user::Unblocked>("connection.blocks"),
            consumer<user::ProfileChanged>("connection.names"),
            consumer<connection::Connected, connection::Disconnected, connection::Followed, connection::Unfollowed>(
                "connection.lists"),
            consumer<connection::MemberChanged>("connection.kept_members"),
            consumer<user::Registered, user::ProfileChanged>("connection.members"),
            consumer<connection::Connected, connection::Disconnected, connection::MemberChanged>("connection.graph"),
            consumer<connection::Invited, connection::Connected>("connection.live")};
    return {
        consumer<connection::Connected, connection::Disconnected, connection::Followed, connection::Unfollowed,
                 user::Blocked, user::Unblocked>("post.feeds"),
        consumer<post::PostCreated, post::PostEdited, post::PostVisibilityChanged, post::PostDeleted, post::PostReacted,
                 post::ReactionRemoved, post::PostCommented, post::CommentDeleted>("post.posts")};
}

}  // namespace guildhall::app
