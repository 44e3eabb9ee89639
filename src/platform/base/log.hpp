#pragma once

#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

namespace guildhall {

/// True for the words that set_up_log() takes as a level.
bool is_log_level(std::string_view level);

/// Sets up the process's log: one JSON object a line ({"time","level","msg"}) on standard error, or plain text when
/// `json` is false. `level` is one of trace, debug, info, warn, error. Throws std::invalid_argument for another word.
/// Call once, before threads start. Log with spdlog::info(…) and its siblings. Never log a secret, a token, a password
/// or the text of a member.
void set_up_log(std::string_view level, bool json);

}  // namespace guildhall
