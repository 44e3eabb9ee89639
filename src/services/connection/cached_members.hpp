#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "platform/cache/local.hpp"
#include "services/connection/member_store.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// What is known of members, in memory in front of the store; dropped at the commit that changed it, in whatever
/// process. Thread-safe.
class CachedMembers {
public:
    CachedMembers(MemberStore& store, cache::Coherence& coherence, std::size_t max_members);

    /// Somebody without a row is as a new member.
    Task<Member> member(UserId id);
    /// In the order of `ids`, never null; read in statements of 5,000 where they are not in memory.
    Task<std::vector<std::shared_ptr<const Member>>> members(std::vector<UserId> ids);
    /// Those of `ids` who hide their connections, ascending.
    Task<Ids> hiding(std::vector<UserId> ids);
    /// Whom the asking member, whose ascending list `a` is, and `other`, whose `b` is, are both connected with, as the
    /// former may know it: without those in `hidden`, and without connections of `other` with whom either side hides
    /// theirs.
    Task<Ids> mutual(const Ids& a, UserId other, const Ids& b, const user::UserSet& hidden);

private:
    MemberStore& store_;
    cache::Local<UserId, Member> members_;
    const std::unique_ptr<cache::Coherence::Registration> members_registration_;
};

}  // namespace guildhall::connection
