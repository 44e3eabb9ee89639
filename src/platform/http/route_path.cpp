#include "platform/http/route_path.hpp"

#include <algorithm>

namespace guildhall::http {

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> out;
    for (std::size_t start = 1; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        out.push_back(path.substr(start, end - start));
        start = end + 1;
    }
    return out;
}

bool is_parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace guildhall::http
