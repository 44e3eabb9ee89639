#pragma once

#include <string_view>

namespace guildhall::post {

/// The kinds of values of this service that processes cache (cache::Coherence).
inline constexpr std::string_view kRecordKind = "post.record";  // a post with its counts, by its id
inline constexpr std::string_view kTimelineKind =
    "post.timeline";  // the newest posts of a member, and what feeds made of them
inline constexpr std::string_view kReactionsKind = "post.reactions";  // those of a member

}  // namespace guildhall::post
