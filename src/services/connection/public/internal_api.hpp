#pragma once

#include <optional>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/base/id.hpp"
#include "platform/json/constraints.hpp"

namespace guildhall::connection {

// The contract between this service's internal routes and their clients: members are added, never changed or taken
// away.

/// POST /internal/v1/connection/connections
struct ConnectionsQuestion {
    UserId user_id;
};
BOOST_DESCRIBE_STRUCT(ConnectionsQuestion, (), (user_id))

/// Ascending. `followed`: whom the member follows, when those are not exactly the connections.
struct ConnectionsAnswer {
    std::vector<UserId> ids;
    std::optional<std::vector<UserId>> followed;
};
BOOST_DESCRIBE_STRUCT(ConnectionsAnswer, (), (ids, followed))

/// POST /internal/v1/connection/degrees: how many steps members are from the token's subject.
struct DegreesQuestion {
    json::AtMost<100, UserId> ids;
};
BOOST_DESCRIBE_STRUCT(DegreesQuestion, (), (ids))

/// In the order of the question.
struct DegreesAnswer {
    std::vector<std::optional<int>> degrees;
};
BOOST_DESCRIBE_STRUCT(DegreesAnswer, (), (degrees))

}  // namespace guildhall::connection
