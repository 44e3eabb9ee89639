#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "platform/async/task.hpp"
#include "platform/redis/settings.hpp"

namespace guildhall::redis {

/// Finds the server to connect to; called before each try. Throws Unavailable when it is not known.
using Locate = std::function<Task<Endpoint>()>;

/// Always this server.
Locate locate_fixed(Endpoint server);

/// The server for writes and subscriptions: the only one; or the primary that the first answering sentinel names; or,
/// of a Cluster, another known node at each call. `io` is run by one thread and outlives the tasks.
Locate locate_any(boost::asio::io_context& io, std::shared_ptr<const Settings> settings);

}  // namespace guildhall::redis
