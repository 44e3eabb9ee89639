#include "services/post/post_consumers.hpp"

#include "services/connection/public/events.hpp"
#include "services/post/cache_kinds.hpp"
#include "services/post/public/events.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::post {

// What is kept for readers is checked at each read against their connections and blocks, so those of the other services
// only free what no longer holds. The service's own changes are dropped before their answer is given; their events are
// for a commit whose outcome its request never learned (the database's answer was lost), and for a process that ended
// before it could tell the others.
void add_consumers(outbox::Bindings& consumers, Feed* feed) {
    const auto drop_both = [feed](UserId a, UserId b) {
        feed->drop(a);
        feed->drop(b);
    };
    const auto both_in_pair = [drop_both](const auto& event) -> Task<void> {
        drop_both(event.low_id, event.high_id);
        co_return;
    };
    consumers.on_repeatable<connection::Connected>("post.feeds", both_in_pair);
    consumers.on_repeatable<connection::Disconnected>("post.feeds", both_in_pair);
    consumers.on_repeatable<connection::Followed>("post.feeds", both_in_pair);
    consumers.on_repeatable<connection::Unfollowed>("post.feeds", both_in_pair);
    const auto both_of_block = [drop_both](const auto& event) -> Task<void> {
        drop_both(event.user_id, event.blocked_id);
        co_return;
    };
    consumers.on_repeatable<user::Blocked>("post.feeds", both_of_block);
    consumers.on_repeatable<user::Unblocked>("post.feeds", both_of_block);

    const auto post_changed = [](const auto& event) {
        return cache::Changes{{kRecordKind, {event.post_id.value}}, {kTimelineKind, {event.author_id.value}}};
    };
    consumers.on_change<PostCreated>("post.posts", post_changed);
    consumers.on_change<PostEdited>("post.posts", post_changed);
    consumers.on_change<PostVisibilityChanged>("post.posts", post_changed);
    consumers.on_change<PostDeleted>("post.posts", post_changed);
    const auto reactions_changed = [](const auto& event) {
        return cache::Changes{{kRecordKind, {event.post_id.value}}, {kReactionsKind, {event.user_id.value}}};
    };
    consumers.on_change<PostReacted>("post.posts", reactions_changed);
    consumers.on_change<ReactionRemoved>("post.posts", reactions_changed);
    const auto counts_changed = [](const auto& event) { return cache::Changes{{kRecordKind, {event.post_id.value}}}; };
    consumers.on_change<PostCommented>("post.posts", counts_changed);
    consumers.on_change<CommentDeleted>("post.posts", counts_changed);
}

}  // namespace guildhall::post
