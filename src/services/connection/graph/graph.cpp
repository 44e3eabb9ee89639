#include "services/connection/graph/graph.hpp"

#include <algorithm>
#include <cmath>

namespace guildhall::connection {

std::uint32_t shared_connection_score(std::size_t degree) {
    const auto connections = static_cast<double>(std::max<std::size_t>(degree, 2));
    return static_cast<std::uint32_t>(std::lround(kScoreUnit / std::log(connections)));
}

}  // namespace guildhall::connection
