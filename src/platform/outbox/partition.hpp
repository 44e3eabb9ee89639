#pragma once

#include <cstdint>

namespace guildhall::outbox {

/// The number of parts of an outbox that are relayed independently. It is stored in rows and statements, so it never
/// changes.
inline constexpr std::int64_t kPartitions = 16;

/// The partition of a subject, which has all of its events. Stable across processes and versions.
std::int64_t partition_of(std::int64_t subject);

}  // namespace guildhall::outbox
