#pragma once

#include <iosfwd>

#include "app/config/config.hpp"

namespace guildhall::app {

/// Asks the program that serves to compare the social graph with the facts (`repairs`: and to make it right), waits,
/// and prints the report as JSON. True when nothing was wrong. Throws Unavailable when no program has done it within
/// ten minutes.
bool compare_graph(const Config& config, bool repairs, std::ostream& out);

}  // namespace guildhall::app
