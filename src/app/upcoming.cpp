#include "app/upcoming.hpp"

#include <initializer_list>
#include <utility>

#include "platform/base/metrics.hpp"
#include "services/connection/public/events.hpp"
#include "services/post/public/events.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::app {
namespace {

template <class... E>
std::vector<std::string> types() {
    return {std::string(E::kType)...};
}

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> parts) {
    std::vector<std::string> all;
    for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

std::vector<std::string> of_members() { return types<user::Registered, user::ProfileChanged>(); }
std::vector<std::string> of_blocks() { return types<user::Blocked, user::Unblocked>(); }
std::vector<std::string> of_connections() {
    return types<connection::Invited, connection::Connected, connection::Disconnected>();
}
std::vector<std::string> of_posts() {
    return types<post::PostCreated, post::PostEdited, post::PostVisibilityChanged, post::PostDeleted>();
}
std::vector<std::string> of_reactions() {
    return types<post::PostReacted, post::ReactionRemoved, post::PostCommented, post::CommentEdited,
                 post::CommentDeleted>();
}

}  // namespace

std::vector<std::string> upcoming_types(std::string_view service) {
    if (service == "chat") return joined({of_members(), of_blocks(), of_connections()});
    if (service == "media") return of_members();
    if (service == "analytics") return joined({of_members(), of_connections(), of_posts(), of_reactions()});
    return joined({of_members(), of_blocks(), of_connections(), of_posts(), of_reactions()});  // notification, search
}

bus::Subscription upcoming_subscription(std::string_view service) {
    auto& taken = metrics::counter("guildhall_upcoming_events_total", "Events for features that are yet to come.",
                                   {{"service", std::string(service)}});
    return {.consumer = std::string(service) + ".upcoming",
            .types = upcoming_types(service),
            .handle = [&taken](std::vector<bus::Envelope> events) -> Task<void> {
                taken.add(static_cast<double>(events.size()));
                co_return;
            }};
}

}  // namespace guildhall::app
