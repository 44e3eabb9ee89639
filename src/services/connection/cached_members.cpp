#include "services/connection/cached_members.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "services/connection/mutual.hpp"
#include "services/connection/public/cache_kinds.hpp"

namespace guildhall::connection {
namespace {

constexpr std::size_t kMembersInStatement = 5000;

}  // namespace

CachedMembers::CachedMembers(MemberStore& store, cache::Coherence& coherence, std::size_t max_members)
    : store_(store),
      members_(
          max_members, [](const Member&) -> std::size_t { return 1; }, coherence.live()),
      members_registration_(cache::keep_coherent(coherence, kMemberKind, members_)) {}

Task<Member> CachedMembers::member(UserId id) {
    if (const auto cached = members_.find(id)) co_return *cached;
    const auto found = co_await members({id});
    co_return *found.front();
}

Task<std::vector<std::shared_ptr<const Member>>> CachedMembers::members(std::vector<UserId> ids) {
    std::vector<std::shared_ptr<const Member>> found(ids.size());
    std::vector<std::size_t> missing;
    std::vector<cache::Local<UserId, Member>::Ticket> tickets;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        found[i] = members_.find(ids[i]);
        if (found[i]) continue;
        missing.push_back(i);
        tickets.push_back(members_.ticket(ids[i]));
    }
    for (std::size_t start = 0; start < missing.size(); start += kMembersInStatement) {
        const std::size_t end = std::min(start + kMembersInStatement, missing.size());
        std::vector<UserId> asked;
        for (std::size_t i = start; i < end; ++i) asked.push_back(ids[missing[i]]);
        const std::vector<Member> read = co_await store_.list_members(std::move(asked));
        for (std::size_t i = start; i < end; ++i) {
            const UserId id = ids[missing[i]];
            const auto row = std::ranges::lower_bound(read, id, {}, &Member::id);
            const bool has_row = row != read.end() && row->id == id;
            auto& member = found[missing[i]];
            member = std::make_shared<const Member>(has_row ? *row : Member{.id = id});
            members_.put(id, member, tickets[i]);
        }
    }
    co_return found;
}

Task<Ids> CachedMembers::hiding(std::vector<UserId> ids) {
    Ids hiding_ids;
    for (const auto& member : co_await members(std::move(ids)))
        if (member->hides_connections) hiding_ids.push_back(member->id);
    std::ranges::sort(hiding_ids);
    co_return hiding_ids;
}

Task<Ids> CachedMembers::mutual(const Ids& a, UserId other, const Ids& b, const user::UserSet& hidden) {
    Ids ids = common(a, b, hidden);
    if (ids.empty()) co_return ids;
    const Member owner = co_await member(other);
    if (owner.hides_connections) co_return Ids{};
    const Ids hiding_ids = co_await hiding(ids);
    if (hiding_ids.empty()) co_return ids;
    Ids seen;
    std::ranges::set_difference(ids, hiding_ids, std::back_inserter(seen));
    co_return seen;
}

}  // namespace guildhall::connection
