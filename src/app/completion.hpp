#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace guildhall::app {

/// The shells that completion_script() knows.
const std::vector<std::string>& completed_shells();

/// The script with which `shell`, one of completed_shells(), completes the commands and options of `program`.
std::string completion_script(const CLI::App& program, std::string_view shell);

}  // namespace guildhall::app
