#pragma once

#include <string_view>

namespace guildhall::connection {

/// What of this service processes keep in memory (cache::Coherence): the connections of a member, whose id it is.
inline constexpr std::string_view kListKind = "connection.list";

}  // namespace guildhall::connection
