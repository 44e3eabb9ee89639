#include "platform/http/request_head.hpp"

#include <algorithm>
#include <charconv>

#include <boost/beast/core/string.hpp>

namespace guildhall::http {
namespace {

namespace beast = boost::beast;

bool is_request_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == 0 || last == first) return false;
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    // RFC 3986: what is not ASCII is percent-encoded.
    const bool is_ascii = std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f; });
    return !target.empty() && is_ascii && (version == "HTTP/1.1" || version == "HTTP/1.0");
}

/// uri-host [":" port] of RFC 9110 §7.2, by its characters (RFC 3986 §3.2.2); empty is allowed.
bool is_host(std::string_view text) {
    return text.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=%[]:") ==
           std::string_view::npos;
}

}  // namespace

std::optional<std::string_view> fault_of_header_block(std::string_view block) {
    bool is_first = true;
    while (!block.empty()) {
        const auto end = block.find("\r\n");
        if (end == std::string_view::npos) return "a line does not end in CRLF";
        const std::string_view line = block.substr(0, end);
        block.remove_prefix(end + 2);
        if (line.find_first_of("\r\n") != std::string_view::npos) return "a bare CR or LF";
        if (is_first) {
            if (!is_request_line(line)) return "the request line is not 'method target HTTP/1.1'";
            is_first = false;
            continue;
        }
        if (line.empty()) break;
        if (line.front() == ' ' || line.front() == '\t') return "a folded header line";
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) return "a header line without a name";
        if (line[colon - 1] == ' ' || line[colon - 1] == '\t') return "white space before a colon";
    }
    return std::nullopt;
}

std::optional<std::string_view> fault_of_fields(const beast::http::request_header<>& header, Framing& framing) {
    const bool is_1_1 = header.version() == 11;
    const auto hosts = header.count(beast::http::field::host);
    if (hosts > 1 || (hosts == 0 && is_1_1)) return "exactly one Host header is needed";
    const auto host = header[beast::http::field::host];
    if (!is_host({host.data(), host.size()})) return "the Host header is not a host";

    const auto codings = header.count(beast::http::field::transfer_encoding);
    const auto lengths = header.count(beast::http::field::content_length);
    if (codings > 0) {
        if (!is_1_1) return "Transfer-Encoding is not defined for HTTP/1.0";
        if (lengths > 0) return "both Transfer-Encoding and Content-Length";
        if (codings > 1 || !beast::iequals(header[beast::http::field::transfer_encoding], "chunked"))
            return "a transfer coding other than chunked";
        framing.chunked = true;
        return std::nullopt;
    }
    if (lengths > 1) return "more than one Content-Length";
    if (lengths == 1) {
        const auto text = header[beast::http::field::content_length];
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), framing.content_length);
        if (text.empty() || ec != std::errc{} || end != text.data() + text.size())
            return "a Content-Length that is not a number";
    }
    return std::nullopt;
}

}  // namespace guildhall::http
