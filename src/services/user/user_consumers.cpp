#include "services/user/user_consumers.hpp"

#include "services/user/public/cache_kinds.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::user {

// What is kept is dropped right after each commit. This is for a commit whose outcome its request never learned (the
// database's answer was lost), and for a process that ended before it could tell the others.
void add_consumers(outbox::Bindings& consumers) {
    const auto hidden = [](const auto& event) {
        return cache::Changes{{kHiddenKind, {event.user_id.value, event.blocked_id.value}}};
    };
    consumers.on_change<Blocked>("user.caches", hidden);
    consumers.on_change<Unblocked>("user.caches", hidden);
    consumers.on_change<ProfileChanged>(
        "user.caches", [](const ProfileChanged& event) { return cache::Changes{{kCardKind, {event.user_id.value}}}; });
}

}  // namespace guildhall::user
