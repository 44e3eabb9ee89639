#pragma once

#include <memory>
#include <string>

#include "platform/cache/cache.hpp"
#include "platform/redis/client.hpp"

namespace guildhall::cache {

/// The cache that all processes share: each key, behind `prefix`, is a string in Redis. Key and prefix at most 1,000 bytes together; keys with the
/// same {hash tag} lie on the same node of a Cluster. `client` outlives it.
std::unique_ptr<Cache> make_redis_cache(redis::Client& client, std::string prefix);

}  // namespace guildhall::cache
