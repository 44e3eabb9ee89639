#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/result.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/post/comment_store.hpp"
#include "services/post/count_store.hpp"
#include "services/post/import_store.hpp"
#include "services/post/post_store.hpp"
#include "services/post/reaction_store.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::post {

/// A post from elsewhere. `key` names it in the input: what was imported under a key is not imported again.
struct ImportedPost {
    UserId author_id;
    std::string text;
    Visibility visibility{};
    Time created_at;
    std::string key;
};

/// A comment from elsewhere; `parent_id` is a comment of the same post that is there already. `key` as of ImportedPost.
struct ImportedComment {
    PostId post_id;
    std::optional<CommentId> parent_id;
    UserId author_id;
    std::string text;
    Time created_at;
    std::string key;
};

/// A reaction from elsewhere; one that the member has already stays as it is.
struct ImportedReaction {
    PostId post_id;
    UserId user_id;
    ReactionKind kind{};
    Time created_at;
};

/// Brings in what was written elsewhere, in batches: each is one transaction with its events, and can be repeated.
/// Ids are made from created_at, so that lists and feeds are in the order of time; those of the same millisecond are
/// in the order of the input. For one caller at a time.
class Importer {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        PostStore& posts;
        CommentStore& comments;
        ReactionStore& reactions;
        CountStore& counts;
        ImportStore& imports;
        cache::Coherence& coherence;
        user::Directory& directory;
        outbox::Outbox& outbox;
    };
    explicit Importer(Parts parts)
        : posts_(parts.posts),
          comments_(parts.comments),
          reactions_(parts.reactions),
          counts_(parts.counts),
          imports_(parts.imports),
          coherence_(parts.coherence),
          directory_(parts.directory),
          outbox_(parts.outbox) {}

    /// The ids, in the order of `posts`. Errors: invalid with a pointer ("/3/text") for a text that a member could
    /// not post.
    Task<Result<std::vector<PostId>>> import_posts(std::vector<ImportedPost> posts);
    /// Errors: as import_posts; not_found for a post or a parent that does not exist.
    Task<Result<std::vector<CommentId>>> import_comments(std::vector<ImportedComment> comments);
    /// The number of new reactions. Errors: not_found for a post that does not exist.
    Task<Result<std::size_t>> import_reactions(std::vector<ImportedReaction> reactions);

private:
    PostStore& posts_;
    CommentStore& comments_;
    ReactionStore& reactions_;
    CountStore& counts_;
    ImportStore& imports_;
    cache::Coherence& coherence_;
    user::Directory& directory_;
    outbox::Outbox& outbox_;
    std::atomic<std::int64_t> next_reaction_{0};
};

}  // namespace guildhall::post
