#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"

namespace guildhall::connection {

/// A member's connections by id, ascending.
using Ids = std::vector<UserId>;

/// True when `id` is among the ascending `ids`.
inline bool contains(const Ids& ids, UserId id) { return std::ranges::binary_search(ids, id); }

/// Whom a member is connected with, and whom the member follows: usually the same, and then the same pointer twice.
/// Neither is null.
struct Circle {
    std::shared_ptr<const Ids> connections;
    std::shared_ptr<const Ids> followed;
};

/// The bytes of one that is kept.
std::size_t weight_of(const Circle& circle);

/// What other services may ask of the connection service. Answers come from memory when they are warm. Thread-safe.
class Network {
public:
    virtual ~Network() = default;

    /// True when both are connected now. False for a member and themself. Asks the list that is in memory; when neither
    /// is, that of `a` is read, so put the member who comes again first.
    virtual Task<bool> are_connected(UserId a, UserId b);

    /// All connections of `user`, ascending. Never null.
    virtual Task<std::shared_ptr<const Ids>> connections_of(UserId user) = 0;

    /// The same with whom the member follows. A fake without follows need not override it.
    virtual Task<Circle> circle_of(UserId user);

    /// The same as connections_of() without a coroutine when the answer is in memory; null when it is not: then ask
    /// connections_of().
    virtual std::shared_ptr<const Ids> cached_connections_of(UserId /*user*/) { return nullptr; }
};

}  // namespace guildhall::connection
