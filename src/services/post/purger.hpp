#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "services/post/comment_store.hpp"
#include "services/post/post_store.hpp"
#include "services/post/reaction_store.hpp"

namespace guildhall::post {

/// Removes the reactions and comments that deleted posts have left behind, which nobody can see any more. Throws
/// Unavailable.
class Purger {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        PostStore& posts;
        ReactionStore& reactions;
        CommentStore& comments;
        cache::Coherence& coherence;
    };
    explicit Purger(Parts parts)
        : posts_(parts.posts), reactions_(parts.reactions), comments_(parts.comments), coherence_(parts.coherence) {}

    /// Removes up to 10,000 of each, in small transactions, so that no request waits long behind one.
    Task<void> run();
    /// Removes up to `limit` of each from the next deleted post, and gives the members whose reactions these were;
    /// nothing when there is no deleted post with any.
    Task<std::optional<std::vector<UserId>>> purge(std::size_t limit);

private:
    PostStore& posts_;
    ReactionStore& reactions_;
    CommentStore& comments_;
    cache::Coherence& coherence_;
};

}  // namespace guildhall::post
