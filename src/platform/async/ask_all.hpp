#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/async/task_group.hpp"

namespace guildhall {

/// What is answered with yes or no, in a coroutine that is called `name`.
struct Question {
    std::string name;
    Task<bool> answer;
};

/// Asks all at once. Ends when `enough` have said yes, when all have answered, or after `limit`; the answers, in order of the questions.
/// No is also what fails, which `group` logs, and what has not come by then: that goes on in `group`.
/// All run on the caller's executor, which runs one thing at a time.
Task<std::vector<bool>> ask_all(TaskGroup& group, std::vector<Question> questions, std::size_t enough,
                                std::chrono::milliseconds limit);

}  // namespace guildhall
