#include "platform/async/upkeep.hpp"

#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace guildhall {

Task<void> run_upkeep(std::string name, Task<void> piece) {
    try {
        co_await std::move(piece);
    } catch (const std::exception& error) {
        spdlog::warn("upkeep of {}: {}", name, error.what());
    } catch (...) {
        spdlog::warn("upkeep of {} failed", name);
    }
}

}  // namespace guildhall
