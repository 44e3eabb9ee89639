#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/cache/coherence.hpp"
#include "platform/cache/local.hpp"
#include "platform/service/base.hpp"
#include "services/user/public/directory.hpp"
#include "services/user/user_options.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

using ProfilePointer = std::shared_ptr<const Profile>;

/// What processes keep of a handle: whose it is. The id is handle_id().
inline constexpr std::string_view kHandleKind = "user.handle";
/// A number for a handle, the same in all processes; two may have the same.
std::int64_t handle_id(std::string_view handle);

/// The Directory, and what else of members is read often, in memory in front of the store. Exact: every change of
/// a row goes through the base's coherence. Thread-safe.
class MemberDirectory final : public Directory {
public:
    MemberDirectory(const service::Base& base, DirectorySizes sizes);

    Task<std::vector<CardPointer>> cards(std::vector<UserId> ids) override;
    Task<std::shared_ptr<const UserSet>> hidden_from(UserId user) override;
    Task<UserSet> blocked_by(UserId user, std::vector<UserId> others) override;
    Task<bool> exists(UserId user) override;
    Task<std::vector<Traits>> traits(std::vector<UserId> ids) override;
    Task<bool> has_email(UserId user, std::string email) override;
    Task<std::vector<UserId>> ids_of_handles(std::vector<std::string> handles) override;

    /// The profiles of up to 500 members, in the order of `ids`; null for one that does not exist.
    Task<std::vector<ProfilePointer>> profiles(std::vector<UserId> ids);
    /// Null when there is no such member.
    Task<ProfilePointer> profile(UserId user);
    /// Whose the handle is or was; nothing when nobody's.
    Task<std::optional<HandleOwner>> owner_of(std::string handle);

private:
    /// Two handles may have one id, so the value says which it is of.
    struct KnownHandle {
        std::string handle;
        HandleOwner owner;
    };
    using Registration = std::unique_ptr<cache::Coherence::Registration>;

    /// What is in memory; null when nothing is.
    std::shared_ptr<const KnownHandle> known(const std::string& handle);

    UserStore store_;
    cache::Local<UserId, CardRecord> cards_;
    cache::Local<UserId, Profile> profiles_;
    cache::Local<UserId, UserSet> hidden_;
    cache::Local<std::int64_t, KnownHandle> handles_;
    const Registration cards_registration_;
    const Registration hidden_registration_;
    const Registration handles_registration_;
};

}  // namespace guildhall::user
