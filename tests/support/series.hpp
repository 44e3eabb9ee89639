#pragma once

#include <string>

#include "platform/base/metrics.hpp"

namespace guildhall::test {

/// The value of a series of this process, with its name as in /metrics; 0 when it does not exist.
inline double series(const std::string& name_and_labels) {
    const std::string all = metrics::render();
    const auto at = all.find("\n" + name_and_labels + " ");
    return at == std::string::npos ? 0 : std::stod(all.substr(at + name_and_labels.size() + 2));
}

}  // namespace guildhall::test
