#pragma once

#include <vector>

#include <boost/describe/class.hpp>

#include "platform/base/id.hpp"

namespace guildhall::connection {

// The contract between this service's internal routes and their clients: members are added, never changed or taken away.

/// POST /internal/v1/connection/connections
struct ConnectionsQuestion {
    UserId user_id;
};
BOOST_DESCRIBE_STRUCT(ConnectionsQuestion, (), (user_id))

/// Ascending.
struct ConnectionsAnswer {
    std::vector<UserId> ids;
};
BOOST_DESCRIBE_STRUCT(ConnectionsAnswer, (), (ids))

}  // namespace guildhall::connection
