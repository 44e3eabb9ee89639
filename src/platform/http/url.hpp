#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace guildhall::http {

/// Percent-decoded text; '+' is a space when `form`. Nothing for a broken escape or what is not UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool form);

/// Percent-encoded for use as one path segment or query value (RFC 3986: all but unreserved).
std::string percent_encode(std::string_view text);

}  // namespace guildhall::http
