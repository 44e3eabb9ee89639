#pragma once

#include <string>

namespace guildhall::app {

/// The page /docs/problems, where the `type` of every problem document leads: what each code means and what a client
/// can do. The black-box tests look up each problem that they meet.
std::string problem_page();

}  // namespace guildhall::app
