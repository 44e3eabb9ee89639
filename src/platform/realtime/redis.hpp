#pragma once

#include <memory>
#include <string>

#include "platform/realtime/channel.hpp"
#include "platform/redis/client.hpp"

namespace guildhall::realtime {

/// The channel of all processes: Redis pub/sub on channels that begin with `prefix`. Who subscribes in the publishing process gets each message at
/// once and without Redis, so also while it is away; a message that could not be sent to the others is counted and forgotten. `client` outlives it.
std::unique_ptr<Channel> make_redis_channel(redis::Client& client, std::string prefix);

}  // namespace guildhall::realtime
