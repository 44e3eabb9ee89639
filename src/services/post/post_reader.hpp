#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "platform/cache/local.hpp"
#include "services/connection/public/network.hpp"
#include "services/post/post_api.hpp"
#include "services/post/post_store.hpp"
#include "services/post/public/posts.hpp"
#include "services/post/viewer.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::post {

/// Runs `action` when the scope ends, however it ends: what a transaction may have changed is dropped from the caches
/// also when its outcome is unknown.
template <class Action>
class [[nodiscard]] AtEnd {
public:
    explicit AtEnd(Action action) : action_(std::move(action)) {}
    ~AtEnd() { action_(); }
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;

private:
    Action action_;
};

/// Reads posts as a viewer sees them, from memory when it is warm: no SQL, no copy of a text. All paths to a post
/// lead through here, so visibility, blocks and deletion hold on each. Thread-safe.
class PostReader final : public Posts {
public:
    PostReader(PostStore& store, user::Directory& directory, connection::Network& network, std::size_t max_posts,
               std::size_t max_readers)
        : store_(store), directory_(directory), network_(network), records_(max_posts), own_reactions_(max_readers) {}

    /// `user` as a viewer; 0 is somebody who is not signed in.
    Task<Viewer> viewer(UserId user);

    /// The posts of `keys` that the viewer may see, in their order. An author of 0 is looked up.
    Task<std::vector<PostView>> list_visible(const Viewer& viewer, std::vector<PostKey> keys);

    /// Errors: not_found when it does not exist or the viewer may not see it; gone when it was deleted and they could
    /// see it.
    Task<Result<PostView>> find(const Viewer& viewer, PostId id);
    /// The same without the author's card and the reader's reaction.
    Task<Result<PostRecordPointer>> find_record(const Viewer& viewer, PostId id);

    Task<std::vector<PostCardPointer>> cards(UserId viewer, std::vector<PostId> ids) override;

    /// Call after each transaction that may have changed the post or its counts.
    void drop_post(PostId id) { records_.invalidate(id); }
    /// Call after each transaction that may have changed the member's reactions.
    void drop_reactions_of(UserId user) { own_reactions_.invalidate(user); }

private:
    /// The newest reactions of a member, by post id, newest first; all of them on posts from `floor` on.
    struct OwnReactions {
        std::vector<OwnReaction> reactions;
        PostId floor;
    };

    Task<std::vector<PostRecordPointer>> records(std::vector<PostKey> keys);
    Task<void> add_own_reactions(UserId user, std::span<PostView> views);

    PostStore& store_;
    user::Directory& directory_;
    connection::Network& network_;
    cache::Local<PostId, PostRecord> records_;
    cache::Local<UserId, OwnReactions> own_reactions_;
};

}  // namespace guildhall::post
