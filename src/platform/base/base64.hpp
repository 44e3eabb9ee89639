#pragma once

#include <string>
#include <string_view>

namespace guildhall {

/// Base64 with padding (RFC 4648 §4); for URLs and names there is base64url() (text.hpp).
std::string base64(std::string_view bytes);

}  // namespace guildhall
