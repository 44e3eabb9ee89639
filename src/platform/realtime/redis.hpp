#pragma once

#include <memory>
#include <string>

#include "platform/realtime/channel.hpp"
#include "platform/redis/client.hpp"

namespace guildhall::realtime {

/// The channel of all processes: Redis pub/sub on channels whose names begin with `prefix`. Subscribers in the
/// publishing process get each message directly, also while Redis is unavailable. A message that could not be sent to
/// other processes is counted and dropped. `client` outlives it.
std::unique_ptr<Channel> make_redis_channel(redis::Client& client, std::string prefix);

}  // namespace guildhall::realtime
