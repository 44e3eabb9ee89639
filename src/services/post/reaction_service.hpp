#pragma once

#include "platform/base/cursor.hpp"
#include "platform/http/caller.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/post/count_store.hpp"
#include "services/post/post_api.hpp"
#include "services/post/post_reader.hpp"
#include "services/post/reaction_store.hpp"

namespace guildhall::post {

/// Reactions to posts. The counters of a post change in the transaction of the reaction, so they always equal a
/// recount.
class ReactionService {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        ReactionStore& reactions;
        CountStore& counts;
        PostReader& reader;
        cache::Coherence& coherence;
        user::Directory& directory;
        IdGenerator& ids;
        outbox::Outbox& outbox;
    };
    explicit ReactionService(Parts parts)
        : reactions_(parts.reactions),
          counts_(parts.counts),
          reader_(parts.reader),
          coherence_(parts.coherence),
          directory_(parts.directory),
          ids_(parts.ids),
          outbox_(parts.outbox) {}

    /// Sets the caller's reaction, or changes its kind.
    Task<Result<void>> set(http::Caller caller, PostId id, SetReaction body);
    /// Takes it back; nothing happens when there is none.
    Task<Result<void>> remove(http::Caller caller, PostId id);
    /// Who reacted, newest first.
    Task<Result<Page<Reaction>>> list(http::Visitor visitor, PostId id, ReactionsQuery query);
    /// What a member reacted to and the caller may see, newest reaction first.
    Task<Result<Page<ReactionActivity>>> list_by_user(http::Caller caller, UserId user, json::PageQuery query);

private:
    ReactionStore& reactions_;
    CountStore& counts_;
    PostReader& reader_;
    cache::Coherence& coherence_;
    user::Directory& directory_;
    IdGenerator& ids_;
    outbox::Outbox& outbox_;
};

}  // namespace guildhall::post
