#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "platform/async/task.hpp"
#include "platform/async/task_group.hpp"

namespace guildhall {

/// A question whose answer is yes or no; the log names its coroutine `name`.
struct Question {
    std::string name;
    Task<bool> answer;
};

/// Asks all questions concurrently and returns the answers in their order. Returns when `enough` answers are yes, when
/// all have answered, or after `limit`. A question that failed (`group` logs it) or has not been answered by then
/// counts as no; it continues in `group`. All run on the caller's executor, which must run one thing at a time.
Task<std::vector<bool>> ask_all(TaskGroup& group, std::vector<Question> questions, std::size_t enough,
                                std::chrono::milliseconds limit);

}  // namespace guildhall
