#pragma once

#include <functional>
#include <string>

#include "platform/async/task.hpp"

namespace guildhall::service {

/// Something that a process needs, to be asked for readiness.
struct Dependency {
    std::string name;
    std::string degrades;               // what does not work without it
    bool is_essential;                  // without it the process is not ready
    std::function<Task<bool>()> is_up;  // no answer in time counts as false
};

}  // namespace guildhall::service
