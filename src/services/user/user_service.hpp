#pragma once

#include <string>
#include <vector>

#include "platform/http/caller.hpp"
#include "platform/http/response.hpp"
#include "platform/outbox/outbox.hpp"
#include "services/connection/public/degrees.hpp"
#include "services/user/member_directory.hpp"
#include "services/user/throttle.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// Profiles, handles and blocks. Of two members of whom one blocks the other, neither finds the other here.
/// Thread-safe.
class UserService {
public:
    /// Brakes.
    struct Options {
        FailureLimit handle_changes;  // each new handle keeps the old one from everybody else
        std::size_t max_blocks;
    };
    /// What it works with; all of it must live longer.
    struct Parts {
        sql::Database& database;
        UserStore& store;
        MemberDirectory& directory;
        connection::Degrees& degrees;
        IdGenerator& ids;
        const Clock& clock;
        outbox::Outbox& outbox;
        Throttle& throttle;
        cache::Coherence& coherence;
    };
    UserService(Parts parts, Options options) : parts_(parts), options_(options) {}

    /// Errors: not_found when the caller's account is gone.
    Task<Result<Me>> me(http::Caller caller);

    /// Changes the caller's own profile; nothing, not even the version, when the patch is empty.
    /// Errors: precondition_failed when If-Match names another version; conflict (handle_taken); too_many_requests for
    /// handles.
    Task<Result<Me>> update_me(http::Caller caller, UpdateProfile patch);

    /// Errors: not_found, also for members who are hidden from the caller.
    Task<Result<SeenProfile>> find(http::Caller caller, UserId user);

    /// The profile of a handle, or where it is now when its owner has another handle. Errors as find().
    Task<Result<http::FoundOrMoved<SeenProfile>>> find_by_handle(http::Caller caller, json::Handle handle);

    /// Those of the asked ones that exist and are not hidden from the caller, in the order asked.
    Task<Result<Page<SeenProfile>>> list(http::Caller caller, UserIds query);

    /// Whom the caller blocks, latest first. Errors: invalid for a cursor of another list.
    Task<Result<Page<Block>>> list_blocks(http::Caller caller, json::PageQuery query);

    /// Blocks `user`; again has no effect. Errors: unprocessable (self_block, too_many_blocks); not_found, also when
    /// `user` blocks the caller and is not blocked by them (so that a block cannot be detected).
    Task<Result<void>> block(http::Caller caller, UserId user);

    /// Ends a block; no effect when there is none.
    Task<Result<void>> unblock(http::Caller caller, UserId user);

    /// Takes over members, verified at once, in one transaction; their ids in order. A member whose address has an
    /// account already is left as it is and gives that account's id, so that an import can be repeated.
    Task<Result<std::vector<UserId>>> import_members(std::vector<ImportedMember> members);

private:
    Task<Result<Profile>> change_profile(http::Caller caller, UpdateProfile patch);

    Parts parts_;
    const Options options_;
};

}  // namespace guildhall::user
