#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "platform/bus/bus.hpp"

namespace guildhall::app {

/// The services whose features are yet to come. They have no facts, so no database; they take the events that will concern them, so that
/// queues, routing and health stand before the features do.
inline constexpr std::array<std::string_view, 5> kUpcoming{"chat", "media", "analytics", "notification", "search"};

/// The one subscription of such a service: what it takes is counted (guildhall_upcoming_events_total) and dropped, because the features' projections will
/// be built from the truth.
bus::Subscription upcoming_subscription(std::string_view service);

/// The types of events that will concern such a service.
std::vector<std::string> upcoming_types(std::string_view service);

}  // namespace guildhall::app
