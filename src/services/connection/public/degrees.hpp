#pragma once

#include <optional>
#include <span>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"
#include "services/connection/public/network.hpp"

namespace guildhall::connection {

/// How many steps members are from a viewer, in the order asked.
using DegreeList = std::vector<std::optional<int>>;
/// One of them, when it is in memory; nothing when it has to be asked for.
using CachedDegree = std::optional<std::optional<int>>;

/// What a member's own (ascending) connections say of it: 0, 1 or nothing.
std::optional<int> first_degree(UserId viewer, const Ids& connections, UserId member);
DegreeList first_degrees(UserId viewer, const Ids& connections, std::span<const UserId> members);

/// How far members are from each other, as far as it is known. Thread-safe.
class Degrees {
public:
    virtual ~Degrees() = default;

    /// Of up to 100 members, in their order: 0 for the viewer, 1 for a connection, 2 or 3 for those who are so many
    /// steps away; nothing for members who are further, unknown or hidden. While the graph is unavailable, only 0 and 1
    /// are known; while the service is, nothing.
    virtual Task<DegreeList> degrees(UserId viewer, std::vector<UserId> members) = 0;

    /// The same of any number of members.
    Task<DegreeList> degrees_of_all(UserId viewer, std::vector<UserId> members);

    /// The same as degrees() for one member without a coroutine, when the answer is in memory; for a viewer from whom
    /// nobody is hidden, as the caller knows.
    virtual CachedDegree cached_degree(UserId /*viewer*/, UserId /*member*/) { return {}; }
};

}  // namespace guildhall::connection
