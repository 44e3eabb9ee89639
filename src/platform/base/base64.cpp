#include "platform/base/base64.hpp"

#include <algorithm>

#include "platform/base/text.hpp"

namespace guildhall {

std::string base64(std::string_view bytes) {
    std::string out = base64url(bytes);
    std::ranges::replace(out, '-', '+');
    std::ranges::replace(out, '_', '/');
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

}  // namespace guildhall
