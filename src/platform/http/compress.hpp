#pragma once

#include <string>
#include <string_view>

namespace guildhall::http {

/// True when the Accept-Encoding field admits gzip (RFC 9110 §12.5.3).
bool accepts_gzip(std::string_view accept_encoding);

/// gzip (RFC 1952) at the fastest level; the compressor's memory belongs to the thread and is used again.
std::string gzip(std::string_view bytes);

}  // namespace guildhall::http
