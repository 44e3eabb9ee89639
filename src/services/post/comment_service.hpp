#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "platform/base/cursor.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/paging.hpp"
#include "platform/http/response.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/post/comment_store.hpp"
#include "services/post/count_store.hpp"
#include "services/post/post_api.hpp"
#include "services/post/post_reader.hpp"

namespace guildhall::post {

/// Comments of posts and replies to them, as trees. Members who may not see the post see none; those of members hidden
/// from the reader are left out.
class CommentService {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        CommentStore& comments;
        CountStore& counts;
        PostReader& reader;
        cache::Coherence& coherence;
        user::Directory& directory;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
    };
    explicit CommentService(Parts parts)
        : comments_(parts.comments),
          counts_(parts.counts),
          reader_(parts.reader),
          coherence_(parts.coherence),
          directory_(parts.directory),
          ids_(parts.ids),
          clock_(parts.clock),
          outbox_(parts.outbox) {}

    /// Errors: unprocessable when `parent_id` is no comment of this post that the caller can see.
    Task<Result<http::Created<Comment>>> create(http::Caller caller, PostId post, CreateComment body);
    /// Errors: not_found; gone when it was deleted.
    Task<Result<Comment>> find(http::Visitor visitor, CommentId id);
    /// The comments of the post itself; their replies are asked for one by one.
    Task<Result<Page<Comment>>> list(http::Visitor visitor, PostId post, CommentsQuery query);
    /// Oldest first unless asked otherwise.
    Task<Result<Page<Comment>>> list_replies(http::Visitor visitor, CommentId id, CommentsQuery query);
    /// Errors: forbidden for all but its author; precondition_failed.
    Task<Result<Comment>> edit(http::Caller caller, CommentId id, EditComment body);
    /// By its author or the post's. Its replies stay. Errors: forbidden.
    Task<Result<void>> remove(http::Caller caller, CommentId id);
    /// What a member wrote below posts that the caller may see, newest first.
    Task<Result<Page<Comment>>> list_by_user(http::Caller caller, UserId user, json::PageQuery query);

private:
    /// The comment, also a tombstone, when the viewer may see its post and its author.
    Task<Result<StoredComment>> find_visible(const Viewer& viewer, CommentId id);
    /// The post of a comment that `caller` may remove.
    Task<Result<PostKey>> find_removable(UserId caller, CommentId id);
    /// The comments as the viewer sees them, in their order; the only way to an answer about stored ones. The viewer
    /// sees `shown_parent`; 0 if that is not known of any parent.
    Task<std::vector<http::Shown<Comment>>> show(const Viewer& viewer, std::vector<StoredComment> rows,
                                                 CommentId shown_parent);
    /// Takes out what is of members who are hidden from the viewer: comments, mentions, parents, counted replies, and
    /// tombstones without other replies.
    Task<void> leave_out_hidden(const Viewer& viewer, std::vector<StoredComment>& comments, CommentId shown_parent);
    Task<void> leave_out_hidden_parents(const Viewer& viewer, std::vector<StoredComment>& comments,
                                        CommentId shown_parent);
    /// How many direct replies of each of `parents` are not shown to those from whom `hidden` are, where there are any.
    Task<std::map<CommentId, std::int64_t>> count_unseen_replies(PostId post, sql::Ids parents, sql::Ids hidden);
    Task<Page<Comment>> page_under(const Viewer& viewer, PostId post, CommentId parent, CommentSort sort,
                                   const http::PageRequest& request);

    CommentStore& comments_;
    CountStore& counts_;
    PostReader& reader_;
    cache::Coherence& coherence_;
    user::Directory& directory_;
    IdGenerator& ids_;
    const Clock& clock_;
    outbox::Outbox& outbox_;
};

}  // namespace guildhall::post
