#include "services/connection/public/events.hpp"
#include "services/post/module.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::post {

// What is kept for readers is checked at each read against their connections and blocks, so these only free what no
// longer holds. The service's own changes need no event: whoever makes them drops what they changed before the answer
// is given.
void Module::add_consumers(outbox::Consumers& consumers) {
    const auto drop_both = [this](UserId a, UserId b) {
        feed_.drop(a);
        feed_.drop(b);
    };
    consumers.on_repeatable<connection::Connected>("post.feeds", [=](const connection::Connected& event) -> Task<void> {
        drop_both(event.low_id, event.high_id);
        co_return;
    });
    consumers.on_repeatable<connection::Disconnected>("post.feeds",
                                                      [=](const connection::Disconnected& event) -> Task<void> {
                                                          drop_both(event.low_id, event.high_id);
                                                          co_return;
                                                      });
    consumers.on_repeatable<user::Blocked>("post.feeds", [=](const user::Blocked& event) -> Task<void> {
        drop_both(event.user_id, event.blocked_id);
        co_return;
    });
    consumers.on_repeatable<user::Unblocked>("post.feeds", [=](const user::Unblocked& event) -> Task<void> {
        drop_both(event.user_id, event.blocked_id);
        co_return;
    });
}

}  // namespace guildhall::post
