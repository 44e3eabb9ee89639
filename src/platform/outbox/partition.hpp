#pragma once

#include <cstdint>

namespace guildhall::outbox {

/// Parts of an outbox that are relayed independently of each other; stored in rows and statements, so it never changes.
inline constexpr std::int64_t kPartitions = 16;

/// The partition of a subject: all of its events are in one. Stable across processes and versions.
std::int64_t partition_of(std::int64_t subject);

}  // namespace guildhall::outbox
