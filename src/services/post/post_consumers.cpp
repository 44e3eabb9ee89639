#include "services/connection/public/events.hpp"
#include "services/post/module.hpp"
#include "services/post/public/events.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::post {

// What is kept for readers is checked at each read against their connections and blocks, so those of the other services
// only free what no longer holds. The service's own changes are dropped before their answer is given; their events are
// for a commit whose outcome its request never learned (the database's answer was lost).
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

    const auto drop_post = [this](const auto& event) -> Task<void> {
        reader_.drop_post(event.post_id);
        timelines_.drop(event.author_id);
        co_return;
    };
    consumers.on_repeatable<PostCreated>("post.posts", drop_post);
    consumers.on_repeatable<PostEdited>("post.posts", drop_post);
    consumers.on_repeatable<PostVisibilityChanged>("post.posts", drop_post);
    consumers.on_repeatable<PostDeleted>("post.posts", drop_post);
    const auto drop_reaction = [this](const auto& event) -> Task<void> {
        reader_.drop_post(event.post_id);
        reader_.drop_reactions_of(event.user_id);
        co_return;
    };
    consumers.on_repeatable<PostReacted>("post.posts", drop_reaction);
    consumers.on_repeatable<ReactionRemoved>("post.posts", drop_reaction);
    const auto drop_counts = [this](const auto& event) -> Task<void> {
        reader_.drop_post(event.post_id);
        co_return;
    };
    consumers.on_repeatable<PostCommented>("post.posts", drop_counts);
    consumers.on_repeatable<CommentDeleted>("post.posts", drop_counts);
}

}  // namespace guildhall::post
