#pragma once

#include <memory>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/base/id.hpp"

namespace guildhall::connection {

/// A member's connections by id, ascending.
using Ids = std::vector<UserId>;

/// What other services may ask of the connection service. Answers come from memory when they are warm. Thread-safe.
class Network {
public:
    virtual ~Network() = default;

    /// True when both are connected now. False for a member and themself.
    virtual Task<bool> are_connected(UserId a, UserId b) = 0;

    /// All connections of `user`, ascending. Never null.
    virtual Task<std::shared_ptr<const Ids>> connections_of(UserId user) = 0;
};

}  // namespace guildhall::connection
