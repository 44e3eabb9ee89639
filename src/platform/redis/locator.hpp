#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "platform/async/task.hpp"
#include "platform/redis/settings.hpp"

namespace guildhall::redis {

/// Finds the server to connect to; asked before each try. Throws Unavailable when nobody knows it now.
using Locate = std::function<Task<Endpoint>()>;

/// Always this server.
Locate locate_fixed(Endpoint server);

/// The server that is to take writes and subscriptions: the only one; the primary that the first sentinel to answer names; of a Cluster another of
/// the known nodes at each call. `io` is run by one thread and outlives the tasks.
Locate locate_any(boost::asio::io_context& io, std::shared_ptr<const Settings> settings);

}  // namespace guildhall::redis
