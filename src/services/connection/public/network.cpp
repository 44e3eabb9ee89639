#include "services/connection/public/network.hpp"

namespace guildhall::connection {
namespace {

constexpr std::size_t kMembersInQuestion = 100;

}  // namespace

Task<bool> Network::are_connected(UserId a, UserId b) {
    if (const auto of_a = cached_connections_of(a)) co_return contains(*of_a, b);
    if (const auto of_b = cached_connections_of(b)) co_return contains(*of_b, a);
    const auto of_a = co_await connections_of(a);
    co_return contains(*of_a, b);
}

Task<Circle> Network::circle_of(UserId user) {
    auto connections = co_await connections_of(user);
    co_return Circle{connections, connections};
}

Task<Degrees> Network::degrees(UserId viewer, std::vector<UserId> members) {
    const auto connections = co_await connections_of(viewer);
    co_return first_degrees(viewer, *connections, members);
}

Task<Degrees> Network::degrees_of_all(UserId viewer, std::vector<UserId> members) {
    if (members.size() <= kMembersInQuestion) co_return co_await degrees(viewer, std::move(members));
    Degrees all;
    all.reserve(members.size());
    for (auto first = members.begin(); first != members.end();) {
        const auto count = std::min(members.end() - first, static_cast<std::ptrdiff_t>(kMembersInQuestion));
        const Degrees some = co_await degrees(viewer, {first, first + count});
        all.insert(all.end(), some.begin(), some.end());
        first += count;
    }
    co_return all;
}

std::size_t weight_of(const Circle& circle) {
    const auto bytes_of = [](const Ids& ids) { return sizeof(Ids) + ids.capacity() * sizeof(UserId); };
    const bool is_same = circle.connections == circle.followed;
    return sizeof circle + bytes_of(*circle.connections) + (is_same ? 0 : bytes_of(*circle.followed));
}

Degrees first_degrees(UserId viewer, const Ids& connections, std::span<const UserId> members) {
    Degrees degrees;
    degrees.reserve(members.size());
    for (const UserId member : members) degrees.push_back(first_degree(viewer, connections, member));
    return degrees;
}

std::optional<int> first_degree(UserId viewer, const Ids& connections, UserId member) {
    if (member == viewer) return 0;
    return contains(connections, member) ? std::optional(1) : std::nullopt;
}

}  // namespace guildhall::connection
