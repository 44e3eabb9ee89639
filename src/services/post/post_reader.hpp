#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "platform/cache/local.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/connection/public/network.hpp"
#include "services/post/count_store.hpp"
#include "services/post/post_api.hpp"
#include "services/post/post_store.hpp"
#include "services/post/public/posts.hpp"
#include "services/post/reaction_store.hpp"
#include "services/post/viewer.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::post {

/// A post in a list; `record` is null until it is looked up, and stays so for one that does not exist.
struct ListedPost {
    PostKey key;
    PostRecordPointer record;
};

/// How much is kept in memory at most.
struct ReaderLimits {
    std::size_t post_bytes;
    std::size_t reaction_bytes;  // of the readers' own reactions
};

/// Reads posts as a viewer sees them, from memory when it is warm: no SQL, no copy of a text. All paths to a post
/// lead through here, so visibility, blocks and deletion hold on each, and its mentions and counts are without those
/// whom the viewer may not see. Thread-safe.
class PostReader final : public Posts {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        PostStore& posts;
        CountStore& counts;
        ReactionStore& reactions;
        user::Directory& directory;
        connection::Network& network;
        connection::Degrees& degrees;
        cache::Coherence& coherence;
    };
    PostReader(Parts parts, ReaderLimits limits);

    /// `user` as a viewer; 0 is somebody who is not signed in.
    Task<Viewer> viewer(UserId user);

    /// `posts` with their records: those that have none, or one that is no longer current, are looked up. An author of
    /// 0 is found.
    Task<std::vector<ListedPost>> look_up(std::vector<ListedPost> posts);

    /// Those of `posts` that the viewer may see, in their order.
    Task<std::vector<PostView>> list_visible(const Viewer& viewer, std::vector<ListedPost> posts);

    /// Errors: not_found when it does not exist or the viewer may not see it; gone when it was deleted and they could
    /// see it.
    Task<Result<PostView>> find(const Viewer& viewer, PostId id);
    /// The same without what is the reader's own.
    Task<Result<PostRecordPointer>> find_record(const Viewer& viewer, PostId id);
    /// True when `user` exists and is not hidden from the viewer.
    Task<bool> is_member(const Viewer& viewer, UserId user);
    /// Members who are hidden from the viewer: at least those who reacted to `posts` or commented there. Costs what is
    /// on the posts or what is hidden, whichever is less.
    Task<sql::Ids> hidden_participants(const Viewer& viewer, std::vector<PostId> posts);
    /// The post for any reader, deleted or not; null when it does not exist. For rules that are not about reading it.
    Task<PostRecordPointer> find_any(PostId id);

    Task<std::vector<PostCardPointer>> cards(UserId viewer, std::vector<PostId> ids) override;

    /// How many steps `members` are from the viewer, in their order, as connection::Degrees says; nothing when the
    /// viewer is not signed in.
    Task<connection::DegreeList> degrees(const Viewer& viewer, std::vector<UserId> members);

private:
    /// The newest reactions of a member, by post id, newest first; all of them on posts from `floor` on.
    struct OwnReactions {
        std::vector<OwnReaction> reactions;
        PostId floor;
    };

    Task<void> add_own_reactions(UserId user, std::span<PostView> views);
    Task<void> leave_out_hidden(const Viewer& viewer, std::span<PostView> views);
    Task<sql::Ids> hidden_among(const Viewer& viewer, sql::Ids posts, std::int64_t participants);

    PostStore& posts_;
    CountStore& counts_;
    ReactionStore& reactions_;
    user::Directory& directory_;
    connection::Network& network_;
    connection::Degrees& degrees_;
    cache::Local<PostId, PostRecord> records_;
    cache::Local<UserId, OwnReactions> own_reactions_;
    const std::unique_ptr<cache::Coherence::Registration> records_registration_;
    const std::unique_ptr<cache::Coherence::Registration> reactions_registration_;
};

/// The error of reading or changing a post that was deleted.
Error deleted_post();

/// `posts` as a list to look up; their authors are not known.
std::vector<ListedPost> listed(std::span<const PostId> posts);

}  // namespace guildhall::post
