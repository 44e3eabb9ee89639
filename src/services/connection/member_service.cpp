#include "services/connection/member_service.hpp"

#include <algorithm>
#include <utility>

#include "platform/base/text.hpp"
#include "platform/cache/transact.hpp"
#include "services/connection/public/cache_kinds.hpp"
#include "services/connection/public/events.hpp"

namespace guildhall::connection {
namespace {

NetworkSettings settings_of(const Member& member) {
    return {member.who_may_invite, member.hides_connections, member.is_suggestable};
}

}  // namespace

Task<Result<NetworkSettings>> MemberService::settings(http::Caller caller) {
    co_return settings_of(co_await members_.member(caller.id));
}

Task<Result<NetworkSettings>> MemberService::change_settings(http::Caller caller, ChangeSettings patch) {
    cache::Changes changes;
    auto change = [&](sql::Transaction& tx) -> Task<Result<NetworkSettings>> {
        Member member = co_await store_.lock_or_insert_member(tx, caller.id);
        const Member before = member;
        if (patch.who_may_invite.value) member.who_may_invite = *patch.who_may_invite.value;
        if (patch.hides_connections.value) member.hides_connections = *patch.hides_connections.value;
        if (patch.suggestable.value) member.is_suggestable = *patch.suggestable.value;
        if (member == before) co_return settings_of(member);
        changes = {{kMemberKind, {caller.id.value}}};
        co_await store_.update_member(tx, member);
        const MemberChanged event{caller.id};
        co_await outbox_.append(tx, event, caller.request->traceparent);
        co_return settings_of(member);
    };
    co_return co_await cache::transact<NetworkSettings>(store_.database(), coherence_, changes, change);
}

/// Two that refresh one member side by side may write what they have read in the wrong order: the one that wrote looks
/// again.
Task<void> MemberService::refresh(std::vector<UserId> users) {
    while (!users.empty()) users = co_await write_traits(std::move(users));
}

Task<std::vector<UserId>> MemberService::write_traits(std::vector<UserId> users) {
    const std::vector<Member> rows = co_await store_.list_members(users);
    std::vector<UserId> written;
    for (const user::Traits& traits : co_await directory_.traits(std::move(users))) {
        const std::string place = fold(traits.location);
        const std::string industry = fold(traits.industry);
        const auto row = std::ranges::lower_bound(rows, traits.id, {}, &Member::id);
        const bool has_row = row != rows.end() && row->id == traits.id;
        if (has_row && row->place == place && row->industry == industry) continue;
        cache::Changes changes;
        auto change = [&](sql::Transaction& tx) -> Task<Result<void>> {
            Member member = co_await store_.lock_or_insert_member(tx, traits.id);
            if (has_row && member.place == place && member.industry == industry) co_return Result<void>{};
            member.place = place;
            member.industry = industry;
            changes = {{kMemberKind, {traits.id.value}}};
            co_await store_.update_member(tx, member);
            const MemberChanged event{traits.id};
            co_await outbox_.append(tx, event);
            co_return Result<void>{};
        };
        auto changed = co_await cache::transact<void>(store_.database(), coherence_, changes, change);
        if (!changed) throw Corrupt("connection: what the profile says was refused");
        written.push_back(traits.id);
    }
    co_return written;
}

}  // namespace guildhall::connection
