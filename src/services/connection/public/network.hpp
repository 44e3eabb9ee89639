#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"

namespace guildhall::connection {

/// A member's connections by id, ascending.
using Ids = std::vector<UserId>;

/// True when `id` is among the ascending `ids`.
inline bool contains(const Ids& ids, UserId id) { return std::ranges::binary_search(ids, id); }

/// Whom a member is connected with, and whom the member follows: usually the same, and then the same pointer twice. Neither is null.
struct Circle {
    std::shared_ptr<const Ids> connections;
    std::shared_ptr<const Ids> followed;
};

/// The bytes of one that is kept.
std::size_t weight_of(const Circle& circle);

/// How many steps members are away, see Network::degrees().
using Degrees = std::vector<std::optional<int>>;
/// One of them, when it is in memory; nothing when that has to be asked for.
using CachedDegree = std::optional<std::optional<int>>;

/// What of that a member's own (ascending) connections tell: 0, 1 or nothing.
std::optional<int> first_degree(UserId viewer, const Ids& connections, UserId member);
Degrees first_degrees(UserId viewer, const Ids& connections, std::span<const UserId> members);

/// What other services may ask of the connection service. Answers come from memory when they are warm. Thread-safe.
class Network {
public:
    virtual ~Network() = default;

    /// True when both are connected now. False for a member and themself. Asks the list that is in memory; when neither is, that of `a` is read, so
    /// put the member who comes again first.
    virtual Task<bool> are_connected(UserId a, UserId b);

    /// All connections of `user`, ascending. Never null.
    virtual Task<std::shared_ptr<const Ids>> connections_of(UserId user) = 0;

    /// The same with whom the member follows. A fake without follows need not override it.
    virtual Task<Circle> circle_of(UserId user);

    /// Of up to 100 members, in their order: 0 for the viewer, 1 for a connection, 2 or 3 for whoever is so many steps away; nothing for whoever is
    /// further, unknown or hidden, beyond 1 for everybody while the graph is away, and for all while the service is. A fake without a graph need not override it.
    virtual Task<Degrees> degrees(UserId viewer, std::vector<UserId> members);

    /// The same of any number of members.
    Task<Degrees> degrees_of_all(UserId viewer, std::vector<UserId> members);

    /// The same as connections_of() without a coroutine when the answer is in memory; null when it is not: then ask connections_of().
    virtual std::shared_ptr<const Ids> cached_connections_of(UserId /*user*/) { return nullptr; }

    /// The same as degrees() for one member without a coroutine, when the answer is in memory; for a viewer from whom nobody is hidden, as the caller knows.
    virtual CachedDegree cached_degree(UserId /*viewer*/, UserId /*member*/) { return {}; }
};

}  // namespace guildhall::connection
