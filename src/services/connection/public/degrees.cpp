#include "services/connection/public/degrees.hpp"

#include <algorithm>
#include <utility>

namespace guildhall::connection {
namespace {

constexpr std::size_t kMembersInQuestion = 100;

}  // namespace

Task<DegreeList> Degrees::degrees_of_all(UserId viewer, std::vector<UserId> members) {
    if (members.size() <= kMembersInQuestion) co_return co_await degrees(viewer, std::move(members));
    DegreeList all;
    all.reserve(members.size());
    for (auto first = members.begin(); first != members.end();) {
        const auto count = std::min(members.end() - first, static_cast<std::ptrdiff_t>(kMembersInQuestion));
        const DegreeList some = co_await degrees(viewer, {first, first + count});
        all.insert(all.end(), some.begin(), some.end());
        first += count;
    }
    co_return all;
}

DegreeList first_degrees(UserId viewer, const Ids& connections, std::span<const UserId> members) {
    DegreeList degrees;
    degrees.reserve(members.size());
    for (const UserId member : members) degrees.push_back(first_degree(viewer, connections, member));
    return degrees;
}

std::optional<int> first_degree(UserId viewer, const Ids& connections, UserId member) {
    if (member == viewer) return 0;
    return contains(connections, member) ? std::optional(1) : std::nullopt;
}

}  // namespace guildhall::connection
