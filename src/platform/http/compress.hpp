#pragma once

#include <string>
#include <string_view>

namespace guildhall::http {

/// True when the Accept-Encoding field allows gzip (RFC 9110 §12.5.3).
bool accepts_gzip(std::string_view accept_encoding);

/// Compresses with gzip (RFC 1952) at the fastest level. Each thread has one compressor, whose memory is reused.
std::string gzip(std::string_view bytes);

}  // namespace guildhall::http
