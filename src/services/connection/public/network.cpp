#include "services/connection/public/network.hpp"

namespace guildhall::connection {

Task<bool> Network::are_connected(UserId a, UserId b) {
    if (const auto of_a = cached_connections_of(a)) co_return contains(*of_a, b);
    if (const auto of_b = cached_connections_of(b)) co_return contains(*of_b, a);
    const auto of_a = co_await connections_of(a);
    co_return contains(*of_a, b);
}

}  // namespace guildhall::connection
