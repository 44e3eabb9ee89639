#pragma once

#include "platform/base/clock.hpp"
#include "platform/base/cursor.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/http/caller.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/connection/connection_store.hpp"
#include "services/connection/follow_store.hpp"
#include "services/connection/member_store.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// Who follows whom. Connections follow each other until one unfollows, which the other is not told. Thread-safe.
class FollowService {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        ConnectionStore& pairs;
        FollowStore& follows;
        MemberStore& members;
        cache::Coherence& coherence;
        outbox::Outbox& outbox;
        user::Directory& directory;
    };
    FollowService(Parts parts, const Limits& limits)
        : pairs_(parts.pairs),
          follows_(parts.follows),
          members_(parts.members),
          coherence_(parts.coherence),
          outbox_(parts.outbox),
          directory_(parts.directory),
          limits_(limits) {}

    /// The caller follows `user`; again: no change. Errors: unprocessable (self_follow); not_found; conflict
    /// (follow_limit).
    Task<Result<void>> follow(http::Caller caller, UserId user);
    /// The caller no longer follows `user`, and stays connected if they are; again: no change. Errors: as follow(),
    /// self_follow aside.
    Task<Result<void>> unfollow(http::Caller caller, UserId user);

    /// Whom the caller follows, by id.
    Task<Result<Page<user::Card>>> list_following(http::Caller caller, json::PageQuery query);
    /// Who follows the caller, by id.
    Task<Result<Page<user::Card>>> list_followers(http::Caller caller, json::PageQuery query);

private:
    Task<Result<void>> set(http::Caller caller, UserId user, bool follows);
    Task<Result<Page<user::Card>>> list(UserId me, FollowSide side, json::PageQuery query);

    ConnectionStore& pairs_;
    FollowStore& follows_;
    MemberStore& members_;
    cache::Coherence& coherence_;
    outbox::Outbox& outbox_;
    user::Directory& directory_;
    const Limits limits_;
};

}  // namespace guildhall::connection
