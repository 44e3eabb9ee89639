#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "platform/cache/local.hpp"
#include "services/user/public/directory.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

using ProfilePointer = std::shared_ptr<const Profile>;

/// The Directory, and what else of members is read often, in memory in front of the store. Exact in this process: who changes a row
/// calls forget… after the commit. Thread-safe.
class MemberDirectory final : public Directory {
public:
    /// How many entries of each kind stay in memory; `hidden` counts each member in each list.
    struct Sizes {
        std::size_t cards = 100'000;
        std::size_t profiles = 20'000;
        std::size_t hidden = 100'000;
        std::size_t handles = 20'000;
    };
    MemberDirectory(UserStore& store, Sizes sizes);

    Task<std::vector<CardPointer>> cards(std::vector<UserId> ids) override;
    Task<std::shared_ptr<const UserSet>> hidden_from(UserId user) override;
    Task<UserSet> blocked_by(UserId user, std::vector<UserId> others) override;
    Task<bool> exists(UserId user) override;
    Task<std::vector<UserId>> ids_of_handles(std::vector<std::string> handles) override;

    /// The profiles of up to 500 members, in the order of `ids`; null for one that does not exist.
    Task<std::vector<ProfilePointer>> profiles(std::vector<UserId> ids);
    /// Null when there is no such member.
    Task<ProfilePointer> profile(UserId user);
    /// Whose the handle is or was; null when nobody's.
    Task<std::shared_ptr<const HandleOwner>> owner_of(std::string handle);

    /// The profile (and card) of `user` has changed.
    void forget_profile(UserId user);
    void forget_handle(const std::string& handle) { handles_.invalidate(handle); }
    /// A block between the two has come or gone.
    void forget_hidden(UserId one, UserId other);

private:
    UserStore& store_;
    cache::Local<UserId, CardRecord> cards_;
    cache::Local<UserId, Profile> profiles_;
    cache::Local<UserId, UserSet> hidden_;
    cache::Local<std::string, HandleOwner> handles_;
};

}  // namespace guildhall::user
