#pragma once

#include <vector>

#include "platform/base/clock.hpp"
#include "platform/http/caller.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/connection/cached_members.hpp"
#include "services/connection/network_api.hpp"

namespace guildhall::connection {

/// What is known of members here: their settings, and what of their profiles brings them together. Thread-safe.
class MemberService {
public:
    /// What it works with; all of it lives longer.
    struct Parts {
        MemberStore& store;
        CachedMembers& members;
        cache::Coherence& coherence;
        outbox::Outbox& outbox;
        user::Directory& directory;
    };
    explicit MemberService(Parts parts)
        : store_(parts.store),
          members_(parts.members),
          coherence_(parts.coherence),
          outbox_(parts.outbox),
          directory_(parts.directory) {}

    /// The caller's own.
    Task<Result<NetworkSettings>> settings(http::Caller caller);
    /// Changes the caller's own; with an event, unless nothing changes.
    Task<Result<NetworkSettings>> change_settings(http::Caller caller, ChangeSettings patch);

    /// Brings what the profiles of up to 500 members say up to date; who has none is left alone. With an event for each
    /// whose row is new or changes. May be repeated, and run side by side.
    Task<void> refresh(std::vector<UserId> users);

private:
    /// Those it had to write.
    Task<std::vector<UserId>> write_traits(std::vector<UserId> users);

    MemberStore& store_;
    CachedMembers& members_;
    cache::Coherence& coherence_;
    outbox::Outbox& outbox_;
    user::Directory& directory_;
};

}  // namespace guildhall::connection
