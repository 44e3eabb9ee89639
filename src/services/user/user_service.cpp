#include "services/user/user_service.hpp"

#include <utility>

#include "platform/cache/transact.hpp"
#include "platform/http/paging.hpp"
#include "services/user/auth_service.hpp"
#include "services/user/handle.hpp"
#include "services/user/public/cache_kinds.hpp"
#include "services/user/public/events.hpp"

namespace guildhall::user {
namespace {

constexpr std::string_view kBlockList = "user.blocks";

bool is_empty(const UpdateProfile& patch) {
    return !patch.name.value && !patch.handle.value && patch.headline.is_absent() && patch.about.is_absent() &&
           patch.location.is_absent() && patch.industry.is_absent() && patch.pronouns.is_absent();
}

/// All but the handle, which others may have.
void apply(const UpdateProfile& patch, Profile& profile) {
    if (patch.name.value) profile.name = patch.name.value->value;
    patch.headline.apply(profile.headline);
    patch.about.apply(profile.about);
    patch.location.apply(profile.location);
    patch.industry.apply(profile.industry);
    patch.pronouns.apply(profile.pronouns);
}

Error too_many_blocks(std::size_t max) {
    return {Code::unprocessable,
            "a member can block at most " + std::to_string(max) + " others",
            "too_many_blocks",
            {{"/user_id", "too_many_blocks", "is one more than the limit"}}};
}

}  // namespace

Task<Result<Me>> UserService::me(http::Caller caller) {
    const auto profile = co_await parts_.directory.profile(caller.id);
    const auto credentials = co_await parts_.store.find_credentials(caller.id);
    if (!profile || !credentials) co_return no_such_member();
    co_return Me{*profile, credentials->email};
}

Task<Result<Me>> UserService::update_me(http::Caller caller, UpdateProfile patch) {
    if (is_empty(patch)) {
        auto mine = co_await me(caller);
        if (!mine) co_return mine;
        const auto matches = http::check_if_match(*caller.request, mine->version);
        if (!matches) co_return matches.error();
        co_return mine;
    }
    const auto credentials = co_await parts_.store.find_credentials(caller.id);
    if (!credentials) co_return no_such_member();
    auto changed = co_await change_profile(caller, std::move(patch));
    if (!changed) co_return changed.error();
    co_return Me{std::move(*changed), credentials->email};
}

Task<Result<Profile>> UserService::change_profile(http::Caller caller, UpdateProfile patch) {
    const auto before = co_await parts_.directory.profile(caller.id);
    if (!before) co_return no_such_member();
    const bool wants_handle = patch.handle.value && patch.handle.value->value != before->handle;
    Throttle::Attempt attempt;
    if (wants_handle) {
        if (is_reserved(patch.handle.value->value)) co_return handle_taken();
        std::vector<Throttle::Subject> subjects{
            Throttle::account("handle", std::to_string(caller.id.value), options_.handle_changes)};
        auto begun = co_await parts_.throttle.begin(std::move(subjects));
        if (!begun) co_return begun.error();
        attempt = std::move(*begun);
    }

    cache::Change handles{kHandleKind, {handle_id(before->handle)}};
    if (patch.handle.value) handles.ids.push_back(handle_id(patch.handle.value->value));
    cache::Changes changes{{kCardKind, {caller.id.value}}, std::move(handles)};
    auto work = [&](sql::Transaction& tx) -> Task<Result<Profile>> {
        auto profile = co_await parts_.store.raise_version(tx, caller.id);
        if (!profile) co_return no_such_member();
        const auto matches = http::check_if_match(*caller.request, profile->version - 1);
        if (!matches) co_return matches.error();
        const std::string old_handle = profile->handle;
        changes.back().ids.push_back(handle_id(old_handle));
        if (patch.handle.value) profile->handle = patch.handle.value->value;
        if (profile->handle != old_handle) {
            const bool is_ours = co_await parts_.store.reserve_handle(tx, profile->handle, caller.id);
            if (!is_ours) co_return handle_taken();
            co_await parts_.store.retire_handle(tx, old_handle, caller.id);
        }
        apply(patch, *profile);
        co_await parts_.store.update_profile(tx, *profile);
        co_await parts_.outbox.append(tx, ProfileChanged{caller.id}, caller.request->traceparent);
        co_return std::move(*profile);
    };
    auto changed = co_await cache::transact<Profile>(parts_.database, parts_.coherence, changes, work);
    if (changed) {
        co_await parts_.throttle.keep(std::move(attempt));
    } else {
        co_await parts_.throttle.undo(std::move(attempt));
    }
    co_return changed;
}

Task<Result<SeenProfile>> UserService::find(http::Caller caller, UserId user) {
    const auto hidden = co_await parts_.directory.hidden_from(caller.id);
    // The time of the answer does not tell a hidden member from one who does not exist.
    const auto profile = co_await parts_.directory.profile(hidden->contains(user) ? kNoMember : user);
    if (!profile) co_return no_such_member();
    if (hidden->empty())
        if (const auto known = parts_.degrees.cached_degree(caller.id, user)) co_return SeenProfile{*profile, *known};
    const auto degree = co_await parts_.degrees.degrees(caller.id, {user});
    co_return SeenProfile{*profile, degree.front()};
}

Task<Result<http::FoundOrMoved<SeenProfile>>> UserService::find_by_handle(http::Caller caller, json::Handle handle) {
    const auto owner = co_await parts_.directory.owner_of(handle.value);
    if (!owner) co_return no_such_member();
    auto profile = co_await find(caller, owner->user_id);
    if (!profile) co_return profile.error();
    if (profile->handle == handle.value) co_return http::FoundOrMoved<SeenProfile>{std::move(*profile), {}};
    co_return http::FoundOrMoved<SeenProfile>{std::nullopt, "/v1/users/by-handle/" + profile->handle};
}

Task<Result<Page<SeenProfile>>> UserService::list(http::Caller caller, UserIds query) {
    const auto hidden = co_await parts_.directory.hidden_from(caller.id);
    std::erase_if(query.ids.items, [&](UserId id) { return hidden->contains(id); });
    const auto found = co_await parts_.directory.profiles(query.ids.items);
    const auto far = co_await parts_.degrees.degrees(caller.id, std::move(query.ids.items));
    Page<SeenProfile> page;
    page.items.reserve(found.size());
    for (std::size_t i = 0; i < found.size(); ++i)
        if (found[i]) page.items.push_back({*found[i], far[i]});
    co_return page;
}

Task<Result<Page<Block>>> UserService::list_blocks(http::Caller caller, json::PageQuery query) {
    const auto request = http::PageRequest::of(query, kBlockList);
    if (!request) co_return request.error();
    auto rows = co_await parts_.store.list_blocks(caller.id, BlockId{request->after}, query.limit.value + 1);
    auto blocks = http::page_of(*request, std::move(rows), [](const StoredBlock& row) { return row.id.value; });
    std::vector<UserId> ids;
    ids.reserve(blocks.items.size());
    for (const auto& row : blocks.items) ids.push_back(row.blocked_id);
    const auto cards = co_await parts_.directory.cards(std::move(ids));
    Page<Block> page{{}, std::move(blocks.next_cursor)};
    for (std::size_t i = 0; i < cards.size(); ++i)
        if (cards[i]) page.items.push_back({*cards[i], blocks.items[i].created_at});
    co_return page;
}

Task<Result<void>> UserService::block(http::Caller caller, UserId user) {
    if (user == caller.id)
        co_return Error{Code::unprocessable,
                        "nobody can block themself",
                        "self_block",
                        {{"/user_id", "self_block", "is the caller"}}};
    const bool exists = co_await parts_.directory.exists(user);
    if (!exists) co_return no_such_member();
    const auto hidden = co_await parts_.directory.hidden_from(caller.id);
    if (hidden->contains(user)) {
        const bool is_done = co_await parts_.store.is_blocked(caller.id, user);
        if (is_done) co_return Result<void>{};
        co_return no_such_member();
    }
    // Those who block the caller are hidden, too, and do not count.
    if (hidden->size() >= options_.max_blocks) {
        const std::size_t count = co_await parts_.store.count_blocks(caller.id);
        if (count >= options_.max_blocks) co_return too_many_blocks(options_.max_blocks);
    }

    cache::Changes changes{{kHiddenKind, {caller.id.value, user.value}}};
    const StoredBlock row{parts_.ids.next<BlockId>(), user, parts_.clock.now()};
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const bool is_new = co_await parts_.store.insert_block(tx, caller.id, row);
        if (is_new) co_await parts_.outbox.append(tx, Blocked{caller.id, user}, caller.request->traceparent);
        co_return Result<void>{};
    };
    co_return co_await cache::transact<void>(parts_.database, parts_.coherence, changes, work);
}

Task<Result<void>> UserService::unblock(http::Caller caller, UserId user) {
    cache::Changes changes{{kHiddenKind, {caller.id.value, user.value}}};
    auto work = [&](sql::Transaction& tx) -> Task<Result<void>> {
        const bool was_there = co_await parts_.store.remove_block(tx, caller.id, user);
        if (was_there) co_await parts_.outbox.append(tx, Unblocked{caller.id, user}, caller.request->traceparent);
        co_return Result<void>{};
    };
    co_return co_await cache::transact<void>(parts_.database, parts_.coherence, changes, work);
}

Task<Result<std::vector<UserId>>> UserService::import_members(std::vector<ImportedMember> members) {
    auto work = [&](sql::Transaction& tx) -> Task<Result<std::vector<UserId>>> {
        std::vector<UserId> ids;
        ids.reserve(members.size());
        for (const auto& member : members) {
            Profile profile;
            profile.id = parts_.ids.next<UserId>();
            const bool is_new = co_await parts_.store.reserve_email(tx, member.email, profile.id);
            if (!is_new) {
                const auto known = co_await parts_.store.find_user_by_email(tx, member.email);
                if (!known) throw Corrupt("an address is taken by nobody");
                ids.push_back(*known);
                continue;
            }
            ids.push_back(profile.id);
            std::string wanted = member.handle.empty() ? handle_from_name(member.name) : member.handle;
            profile.handle = co_await take_handle(parts_.store, tx, std::move(wanted), profile.id);
            profile.name = member.name;
            profile.headline = member.headline;
            profile.location = member.location;
            profile.industry = member.industry;
            profile.version = 1;
            profile.created_at = member.created_at;
            Credentials credentials{member.email, member.password_hash.empty() ? "!" : member.password_hash};
            const Registered registered{profile.id};
            co_await parts_.store.insert_account(tx, std::move(credentials), std::move(profile));
            co_await parts_.outbox.append(tx, registered);
        }
        co_return ids;
    };
    co_return co_await parts_.database.transact<std::vector<UserId>>(work);
}

}  // namespace guildhall::user
