#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/async/task.hpp"

namespace guildhall::cache {

/// A bounded store of values that can be computed again: any entry may vanish at any time, and an unavailable cache
/// behaves like an empty one (it never throws). Keys at most 200 bytes. Thread-safe.
class Cache {
public:
    virtual ~Cache() = default;

    /// The value; empty when it is absent or has expired, or the cache is unavailable.
    virtual Task<std::optional<std::string>> get(std::string_view key) = 0;
    /// The values of `keys`, in order, in one round trip.
    virtual Task<std::vector<std::optional<std::string>>> get_all(std::vector<std::string> keys) = 0;
    virtual Task<void> set(std::string_view key, std::string value, std::chrono::milliseconds ttl) = 0;
    virtual Task<void> erase(std::string_view key) = 0;
    /// Adds `by` to a counter and returns its new value. A new counter starts at 0 and lives for `ttl` from then.
    /// Empty when the cache is unavailable.
    virtual Task<std::optional<std::int64_t>> add(std::string_view key, std::int64_t by,
                                                  std::chrono::milliseconds ttl) = 0;
};

}  // namespace guildhall::cache
