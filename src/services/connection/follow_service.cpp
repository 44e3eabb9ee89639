#include "services/connection/follow_service.hpp"

#include <optional>
#include <string_view>
#include <utility>

#include "platform/cache/transact.hpp"
#include "services/connection/public/cache_kinds.hpp"
#include "services/connection/public/events.hpp"
#include "services/connection/visible_rows.hpp"

namespace guildhall::connection {
namespace {

// Kinds of cursors.
constexpr std::string_view kFollowing = "follows.following";
constexpr std::string_view kFollowers = "follows.followers";

/// What stands in a list of follows.
struct FollowRow {
    FollowRow() = default;
    explicit FollowRow(UserId peer) : peer_id(peer) {}
    UserId peer_id;
};

}  // namespace

Task<Result<void>> FollowService::follow(http::Caller caller, UserId user) {
    if (user == caller.id) co_return Error{Code::unprocessable, "members cannot follow themselves", "self_follow"};
    co_return co_await set(caller, user, true);
}

Task<Result<void>> FollowService::unfollow(http::Caller caller, UserId user) {
    if (user == caller.id) co_return user::no_such_member();
    co_return co_await set(caller, user, false);
}

Task<Result<void>> FollowService::set(http::Caller caller, UserId user, bool follows) {
    const UserId me = caller.id;
    if (!co_await directory_.exists_for(me, user)) co_return user::no_such_member();
    const PairKey key = PairKey::of(me, user);
    cache::Changes changes;
    auto change = [&](sql::Transaction& tx) -> Task<Result<void>> {
        std::optional<Pair> pair;
        if (follows) {
            pair = co_await pairs_.lock_or_insert_pair(tx, key);
        } else {
            pair = co_await pairs_.lock_pair(tx, key);
        }
        if (!pair || pair->is_following(me) == follows) co_return Result<void>{};
        if (pair->is_blocked()) co_return user::no_such_member();
        const bool is_implied = follows == (pair->state == PairState::connected);
        Follow& mine = me == key.low ? pair->low_follow : pair->high_follow;
        mine = is_implied ? Follow::implied : follows ? Follow::followed : Follow::unfollowed;
        if (is_implied) {
            co_await follows_.remove(tx, me, user);
        } else {
            co_await members_.lock_or_insert_member(tx, me);  // so that what is counted stays
            const std::size_t count = co_await follows_.count(tx, me, limits_.follows);
            if (count >= limits_.follows)
                co_return Error{Code::conflict, "you follow as many members as one can", "follow_limit"};
            co_await follows_.put(tx, me, user, mine);
        }
        co_await pairs_.update_pair(tx, *pair);
        changes = {{kListKind, {me.value}}};
        if (follows) {
            const Followed event{key.low, key.high, me, user};
            co_await outbox_.append(tx, event, caller.request->traceparent);
        } else {
            const Unfollowed event{key.low, key.high, me, user};
            co_await outbox_.append(tx, event, caller.request->traceparent);
        }
        co_return Result<void>{};
    };
    co_return co_await cache::transact<void>(pairs_.database(), coherence_, changes, change);
}

Task<Result<Page<user::Card>>> FollowService::list_following(http::Caller caller, json::PageQuery query) {
    return list(caller.id, FollowSide::following, std::move(query));
}

Task<Result<Page<user::Card>>> FollowService::list_followers(http::Caller caller, json::PageQuery query) {
    return list(caller.id, FollowSide::followers, std::move(query));
}

Task<Result<Page<user::Card>>> FollowService::list(UserId me, FollowSide side, json::PageQuery query) {
    const std::string_view kind = side == FollowSide::following ? kFollowing : kFollowers;
    const auto request = http::PageRequest::of(query, kind, 0);
    if (!request) co_return request.error();
    const auto hidden = co_await directory_.hidden_from(me);
    auto fetch = [&](std::int64_t after, std::size_t count) -> Task<std::vector<FollowRow>> {
        const Ids ids = co_await follows_.list(me, side, UserId{after}, count);
        co_return std::vector<FollowRow>(ids.begin(), ids.end());
    };
    const auto key_of = [](const FollowRow& row) { return row.peer_id.value; };
    auto follows = co_await page_of_visible<FollowRow>(*request, fetch, key_of, *hidden);
    Page<user::Card> page{{}, std::move(follows.next_cursor)};
    for (const auto& card : co_await directory_.cards(peers_of(follows.items)))
        if (card) page.items.push_back(*card);
    co_return page;
}

}  // namespace guildhall::connection
