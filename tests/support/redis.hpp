#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include <unistd.h>

#include "platform/redis/client.hpp"

namespace guildhall::test {

/// The engines that the ports over Redis are tested on: "memory" and each way in which Redis is run.
inline constexpr const char* kCacheEngines[] = {"memory", "redis", "redis_sentinel", "redis_cluster"};

/// The URL of an engine of tests/engines/up-redis*; null when it does not run.
inline const char* redis_url(const std::string& engine) {
    if (engine == "redis_sentinel") return std::getenv("GUILDHALL_TEST_REDIS_SENTINEL");
    if (engine == "redis_cluster") return std::getenv("GUILDHALL_TEST_REDIS_CLUSTER");
    return std::getenv("GUILDHALL_TEST_REDIS");
}

/// The reason why this engine cannot be tested; empty when it can.
inline std::string missing_redis(const std::string& engine) {
    if (engine == "memory" || redis_url(engine) != nullptr) return {};
    return "no server for " + engine + ": tests/engines/up-redis starts them, and ./test does";
}

/// A client with deadlines for a busy machine.
inline std::unique_ptr<redis::Client> open_redis(const std::string& url) {
    redis::Settings settings = redis::parse_url(url);
    settings.connect_deadline = std::chrono::seconds(5);
    settings.command_deadline = std::chrono::seconds(5);
    return std::make_unique<redis::Client>(std::move(settings));
}

/// A prefix for keys that no other test uses.
inline std::string own_prefix() {
    static std::atomic<int> count{0};
    return "test:" + std::to_string(::getpid()) + ":" + std::to_string(++count) + ":";
}

}  // namespace guildhall::test
