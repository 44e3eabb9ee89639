#pragma once

#include <string_view>

namespace guildhall::connection {

/// The kinds of values of this service that processes cache (cache::Coherence). The ids are members. The first is a
/// member's circle.
inline constexpr std::string_view kListKind = "connection.list";
/// And what is known of a member here, see the table `members`.
inline constexpr std::string_view kMemberKind = "connection.member";

}  // namespace guildhall::connection
