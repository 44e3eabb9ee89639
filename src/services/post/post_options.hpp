#pragma once

#include <cstddef>

namespace guildhall::post {

/// How the post service is set: how much it keeps in memory at most.
struct Options {
    std::size_t max_post_bytes = 128 << 20;
    std::size_t max_timeline_bytes = 32 << 20;
    std::size_t max_reaction_bytes = 16 << 20;
    std::size_t max_readers = 20'000;  // of whom the first stretch of the feed is kept, up to 3 KiB each
};

}  // namespace guildhall::post
