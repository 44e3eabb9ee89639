#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "platform/base/result.hpp"
#include "platform/cache/local.hpp"

namespace guildhall::user {

/// How a member is shown beside what they wrote.
struct Card {
    UserId id;
    std::string handle;
    std::string name;
    std::string headline;
};
BOOST_DESCRIBE_STRUCT(Card, (), (id, handle, name, headline))

/// What of a profile brings members together, as the member wrote it. Companies, schools and skills will come with the
/// full profiles.
struct Traits {
    UserId id;
    std::string location;
    std::string industry;
};
BOOST_DESCRIBE_STRUCT(Traits, (), (id, location, industry))

/// A card as the Directory gives it out. Callers that keep it for longer than one request must ask again when it is no
/// longer current.
struct CardRecord : Card, cache::Retirable {
    explicit CardRecord(Card card) : Card(std::move(card)) {}
};
using CardPointer = std::shared_ptr<const CardRecord>;
using UserSet = std::unordered_set<UserId>;

/// The id of no member, now or later: the largest number that is read as an id.
inline constexpr UserId kNoMember{8'999'999'999'999'999'999};

/// The answer about who does not exist, and the same about who is hidden from those who ask.
Error no_such_member();

/// What other services may ask of the user service. Answers come from memory when they are warm. Thread-safe.
class Directory {
public:
    virtual ~Directory() = default;

    /// The cards of up to 500 members, in the order of `ids`; null for one that does not exist (any more) or has no
    /// verified account.
    virtual Task<std::vector<CardPointer>> cards(std::vector<UserId> ids) = 0;
    /// The same of any number of members.
    Task<std::vector<CardPointer>> cards_of_all(std::vector<UserId> ids);

    /// All members that `user` blocks or is blocked by: none of them may see anything of the other. Never null.
    virtual Task<std::shared_ptr<const UserSet>> hidden_from(UserId user) = 0;
    /// True when one of the two blocks the other.
    Task<bool> is_hidden(UserId viewer, UserId user);

    /// Those of up to 500 `others` whom `user` blocks. Only `user` may get to know. A fake without blocks need not
    /// override it.
    virtual Task<UserSet> blocked_by(UserId /*user*/, std::vector<UserId> /*others*/) { co_return UserSet{}; }

    /// True when `user` exists and is verified.
    virtual Task<bool> exists(UserId user) = 0;
    /// The same, if `user` is not hidden from `viewer`. The time of the answer does not tell a hidden member from one
    /// who does not exist.
    Task<bool> exists_for(UserId viewer, UserId user);

    /// Those of up to 500 members that exist, in no order. Not kept in memory. A fake without profiles need not
    /// override it.
    virtual Task<std::vector<Traits>> traits(std::vector<UserId> /*ids*/) { co_return std::vector<Traits>{}; }

    /// True when `email` (lower case) is the address of `user`. A fake without addresses need not override it.
    virtual Task<bool> has_email(UserId /*user*/, std::string /*email*/) { co_return false; }

    /// The members of up to 100 handles (lower case), in their order; no id (0) for a handle that no verified member
    /// has now. Old handles are not followed: text that names one must not silently mean somebody else's later choice.
    virtual Task<std::vector<UserId>> ids_of_handles(std::vector<std::string> handles) = 0;
};

}  // namespace guildhall::user
