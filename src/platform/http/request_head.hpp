#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

namespace guildhall::http {

/// How the body of a request is framed.
struct Framing {
    bool chunked = false;
    std::size_t content_length = 0;
};

/// Checks a header block, from the request line to the empty line, for what Beast's parser accepts although RFC 9112
/// tells a server to refuse it: a request line that is not `method SP target SP HTTP/1.x`, a bare CR or LF, a folded
/// line, white space before a colon. Gives the reason, or nothing.
std::optional<std::string_view> fault_of_header_block(std::string_view block);

/// Checks the fields: exactly one Host (HTTP/1.1), no transfer coding but `chunked` and none on HTTP/1.0, not both
/// Transfer-Encoding and Content-Length. Gives the reason, or nothing and fills `framing`.
std::optional<std::string_view> fault_of_fields(const boost::beast::http::request_header<>& header, Framing& framing);

}  // namespace guildhall::http
