#pragma once

#include <string>
#include <vector>

#include "platform/base/cursor.hpp"
#include "platform/http/caller.hpp"
#include "platform/http/paging.hpp"
#include "platform/http/response.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/post/feed.hpp"
#include "services/post/post_api.hpp"
#include "services/post/post_reader.hpp"
#include "services/post/post_store.hpp"
#include "services/post/text_entities.hpp"
#include "services/post/timelines.hpp"

namespace guildhall::post {

/// Sets the members of the mentions in `entities`; a mention of an unknown handle, or of somebody hidden from
/// `author`, is removed: it stays plain text.
Task<void> resolve_mentions(user::Directory& directory, UserId author, TextEntities& entities);

/// The different members in `mentions` that are not in `before`.
std::vector<UserId> newly_mentioned(const std::vector<Mention>& before, const std::vector<Mention>& mentions);

/// Posts and the lists of them.
class PostService {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        PostStore& posts;
        PostReader& reader;
        Timelines& timelines;
        Feed& feed;
        cache::Coherence& coherence;
        user::Directory& directory;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
    };
    explicit PostService(Parts parts)
        : posts_(parts.posts),
          reader_(parts.reader),
          timelines_(parts.timelines),
          feed_(parts.feed),
          coherence_(parts.coherence),
          directory_(parts.directory),
          ids_(parts.ids),
          clock_(parts.clock),
          outbox_(parts.outbox) {}

    /// Publishes a post; members see it unless the body says otherwise.
    Task<Result<http::Created<PostView>>> create(http::Caller caller, CreatePost body);
    /// Errors: not_found; gone when it was deleted and the reader could see it.
    Task<Result<PostView>> find(http::Visitor visitor, PostId id);
    /// The posts of the ids that the reader may see, in the order of the ids.
    Task<Result<Page<PostView>>> list_by_ids(http::Visitor visitor, PostsQuery query);
    /// Errors: forbidden for who may see it but did not write it; precondition_failed.
    Task<Result<PostView>> edit(http::Caller caller, PostId id, EditPost body);
    Task<Result<void>> remove(http::Caller caller, PostId id);

    /// What the reader may see of a member's posts, newest first. Errors: not_found when there is no such member.
    Task<Result<Page<PostView>>> list_by_author(http::Visitor visitor, UserId author, json::PageQuery query);
    /// What the reader may see of the posts with a hashtag, newest first.
    Task<Result<Page<PostView>>> list_by_hashtag(http::Visitor visitor, json::Tag tag, json::PageQuery query);
    /// The posts of the caller and of their connections, newest first.
    Task<Result<Page<PostView>>> feed(http::Caller caller, FeedQuery query);

private:
    /// The key of a post that `caller` wrote. Errors: as PostReader::find, forbidden.
    Task<Result<PostKey>> own_post(UserId caller, PostId id);

    template <class Fetch>
    Task<Page<PostView>> page_of_posts(const Viewer& viewer, const http::PageRequest& request, Fetch& fetch);

    PostStore& posts_;
    PostReader& reader_;
    Timelines& timelines_;
    Feed& feed_;
    cache::Coherence& coherence_;
    user::Directory& directory_;
    IdGenerator& ids_;
    const Clock& clock_;
    outbox::Outbox& outbox_;
};

}  // namespace guildhall::post
