#pragma once

#include <string_view>

namespace guildhall::user {

/// The kinds of values of this service that processes cache (cache::Coherence). The ids are members.
inline constexpr std::string_view kCardKind = "user.card";      // and the rest of the profile
inline constexpr std::string_view kHiddenKind = "user.hidden";  // who is hidden from the member

}  // namespace guildhall::user
