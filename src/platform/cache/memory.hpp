#pragma once

#include <cstddef>
#include <memory>

#include "platform/base/clock.hpp"
#include "platform/cache/cache.hpp"

namespace guildhall::cache {

/// The embedded cache: in this process, at most `max_bytes` of keys and values. Evicts the least recently used first.
std::unique_ptr<Cache> make_memory_cache(const Clock& clock, std::size_t max_bytes);

}  // namespace guildhall::cache
