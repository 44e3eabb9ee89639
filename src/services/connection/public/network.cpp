#include "services/connection/public/network.hpp"

namespace guildhall::connection {

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

std::size_t weight_of(const Circle& circle) {
    const auto bytes_of = [](const Ids& ids) { return sizeof(Ids) + ids.capacity() * sizeof(UserId); };
    const bool is_same = circle.connections == circle.followed;
    return sizeof circle + bytes_of(*circle.connections) + (is_same ? 0 : bytes_of(*circle.followed));
}

}  // namespace guildhall::connection
