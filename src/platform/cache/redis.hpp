#pragma once

#include <memory>
#include <string>

#include "platform/cache/cache.hpp"
#include "platform/redis/client.hpp"

namespace guildhall::cache {

/// The cache that all processes share: each key is a string in Redis, prefixed by `prefix`. Key and prefix have at most
/// 1,000 bytes together. Keys with the same {hash tag} are on the same node of a Cluster. `client` outlives it.
std::unique_ptr<Cache> make_redis_cache(redis::Client& client, std::string prefix);

}  // namespace guildhall::cache
