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

/// What an answer and the access log need of a request, also when its header cannot be parsed or is not whole.
struct HeadExcerpt {
    std::string_view method;  // this and the others: empty when they cannot be read
    std::string_view target;
    std::string_view origin;
    std::string_view request_id;  // that the client sent
};

/// Finds them in the beginning of a header block.
HeadExcerpt excerpt_of(std::string_view block);

/// The line in `bytes`, which stood before an LF: nothing when they do not end in CR, or have another CR.
std::optional<std::string_view> line_of(std::string_view bytes);

/// Checks one line of a header or trailer section, which is not empty, for a folded line, white space before the colon
/// and a missing name. Gives the reason, or nothing.
std::optional<std::string_view> fault_of_field_line(std::string_view line);

/// Checks a header block, from the request line to the empty line, for what Beast's parser accepts although RFC 9112
/// tells a server to refuse it: a request line that is not `method SP target SP HTTP/1.x`, a bare CR or LF, a folded
/// line, white space before a colon. Gives the reason, or nothing.
std::optional<std::string_view> fault_of_header_block(std::string_view block);

/// Checks the fields: exactly one Host (HTTP/1.1), no transfer coding but `chunked` and none on HTTP/1.0, not both
/// Transfer-Encoding and Content-Length, and no Content-Length, Authorization or Content-Type twice. Gives the reason,
/// or nothing and fills `framing`.
std::optional<std::string_view> fault_of_fields(const boost::beast::http::request_header<>& header, Framing& framing);

}  // namespace guildhall::http
