#pragma once

#include <string_view>
#include <vector>

#include "platform/bus/bus.hpp"

namespace guildhall::app {

/// The consumers of a service and what they want: every process makes the queues of all, so that nothing is lost that is published before a
/// consumer's first start. Foundation::subscribe() compares it with what the services bind.
std::vector<bus::Wanted> consumers_of(std::string_view service);

}  // namespace guildhall::app
