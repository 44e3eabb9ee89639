#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace guildhall::http {

/// The percent-decoded text; '+' is a space when `form`. Nothing when an escape is broken or the result is not UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool form);

/// The text percent-encoded for use as one path segment or query value (RFC 3986: all but unreserved characters).
std::string percent_encode(std::string_view text);

}  // namespace guildhall::http
