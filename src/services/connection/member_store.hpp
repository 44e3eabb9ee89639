#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/sql/database.hpp"
#include "services/connection/connection.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// The tables `members` and `dismissals`. What takes a Transaction writes, the rest reads outside of one. Thread-safe;
/// throws Unavailable.
class MemberStore {
public:
    explicit MemberStore(sql::Database& database) : database_(database) {}

    // Members.
    /// Those of up to 5,000 members that have a row, ascending.
    Task<std::vector<Member>> list_members(std::vector<UserId> ids);
    /// The member's row, locked, made when absent.
    Task<Member> lock_or_insert_member(sql::Transaction& tx, UserId id);
    /// Stores everything of a member that the transaction has locked.
    Task<void> update_member(sql::Transaction& tx, Member member);

    /// How many invitations a member has sent in the present window, and when it began.
    struct Window {
        std::size_t sent;
        Time began_at;
    };
    /// Counts one more invitation of `inviter`, in a new window when the present one is older than a week.
    Task<Window> count_invitation(sql::Transaction& tx, UserId inviter, Time now);

    // Dismissals.
    /// Again: no change.
    Task<void> insert_dismissal(sql::Transaction& tx, UserId user, UserId peer, Time now);
    /// Those of up to 500 `peers` whom `user` has dismissed, ascending.
    Task<Ids> list_dismissed(UserId user, std::vector<UserId> peers);
    /// The `limit` whom `user` has dismissed last, in no order.
    Task<Ids> list_last_dismissed(UserId user, std::size_t limit);

    sql::Database& database() { return database_; }

private:
    sql::Database& database_;
};

/// How long a window of count_invitation() is.
inline constexpr std::chrono::weeks kInvitationWindow{1};

}  // namespace guildhall::connection
