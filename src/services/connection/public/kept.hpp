#pragma once

#include <string_view>

namespace guildhall::connection {

/// What of this service processes keep in memory (cache::Coherence): the circle of a member, whose id it is.
inline constexpr std::string_view kListKind = "connection.list";
/// And what is known of a member here, see the table `members`.
inline constexpr std::string_view kMemberKind = "connection.member";

}  // namespace guildhall::connection
