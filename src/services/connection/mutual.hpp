#pragma once

#include "services/connection/public/network.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::connection {

/// The ids in both ascending lists but not in `hidden`, ascending. Costs the smaller list times the logarithm of the
/// larger, at most the sum of both.
Ids common(const Ids& a, const Ids& b, const user::UserSet& hidden);

}  // namespace guildhall::connection
