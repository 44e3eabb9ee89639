#include "platform/http/request_head.hpp"

#include <algorithm>
#include <charconv>

#include <boost/beast/core/string.hpp>

#include "platform/base/text.hpp"

namespace guildhall::http {
namespace {

namespace beast = boost::beast;

/// RFC 9110 §5.6.2.
bool is_token(std::string_view text) {
    static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || kMarks.contains(c);
    });
}

bool is_request_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == 0 || last == first) return false;
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    // RFC 3986: other characters are percent-encoded.
    const bool is_ascii = std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f; });
    return !target.empty() && is_ascii && is_token(line.substr(0, first)) &&
           (version == "HTTP/1.1" || version == "HTTP/1.0");
}

/// uri-host [":" port] of RFC 9110 §7.2, by its characters (RFC 3986 §3.2.2); empty is allowed.
bool is_host(std::string_view text) {
    static constexpr std::string_view kMarks = "-._~!$&'()*+,;=%[]:";
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || kMarks.contains(c);
    });
}

/// The value of the first complete line of a header block that has this name; empty when there is none.
std::string_view value_in(std::string_view block, std::string_view name) {
    for (auto end = block.find('\n'); end != std::string_view::npos;) {
        block.remove_prefix(end + 1);
        end = block.find('\n');
        const auto line = line_of(block.substr(0, end));
        if (!line) continue;
        if (line->empty()) break;  // the body follows
        if (line->size() > name.size() && (*line)[name.size()] == ':' &&
            beast::iequals(line->substr(0, name.size()), name))
            return trim(line->substr(name.size() + 1));
    }
    return {};
}

}  // namespace

std::optional<std::string_view> line_of(std::string_view bytes) {
    if (!bytes.ends_with('\r') || bytes.find('\r') != bytes.size() - 1) return std::nullopt;
    return bytes.substr(0, bytes.size() - 1);
}

std::optional<std::string_view> fault_of_field_line(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') return "a folded header line";
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return "a header line without a name";
    if (line[colon - 1] == ' ' || line[colon - 1] == '\t') return "white space before a colon";
    return std::nullopt;
}

std::optional<std::string_view> fault_of_header_block(std::string_view block) {
    bool is_first = true;
    while (!block.empty()) {
        const auto end = block.find('\n');
        if (end == std::string_view::npos) return "a line does not end in CRLF";
        const auto line = line_of(block.substr(0, end));
        if (!line) return "a bare CR or LF";
        block.remove_prefix(end + 1);
        if (is_first) {
            if (!is_request_line(*line)) return "the request line is not 'method target HTTP/1.1'";
            is_first = false;
            continue;
        }
        if (line->empty()) break;
        if (const auto fault = fault_of_field_line(*line)) return fault;
    }
    return std::nullopt;
}

HeadExcerpt excerpt_of(std::string_view block) {
    HeadExcerpt excerpt;
    excerpt.origin = value_in(block, "Origin");
    excerpt.request_id = value_in(block, "X-Request-Id");
    if (const auto line = line_of(block.substr(0, block.find('\n'))); line && is_request_line(*line)) {
        excerpt.method = line->substr(0, line->find(' '));
        excerpt.target = line->substr(excerpt.method.size() + 1, line->rfind(' ') - excerpt.method.size() - 1);
    }
    return excerpt;
}

std::optional<std::string_view> fault_of_fields(const beast::http::request_header<>& header, Framing& framing) {
    using beast::http::field;
    std::size_t hosts = 0;
    std::size_t codings = 0;
    std::size_t lengths = 0;
    std::size_t authorizations = 0;
    std::size_t content_types = 0;
    std::string_view host;
    std::string_view coding;
    std::string_view length;
    for (const auto& line : header) {
        const std::string_view value(line.value().data(), line.value().size());
        switch (line.name()) {
        case field::host:
            ++hosts;
            host = value;
            break;
        case field::transfer_encoding:
            ++codings;
            coding = value;
            break;
        case field::content_length:
            ++lengths;
            length = value;
            break;
        case field::authorization: ++authorizations; break;
        case field::content_type: ++content_types; break;
        default: break;
        }
    }
    const bool is_1_1 = header.version() == 11;
    if (hosts > 1 || (hosts == 0 && is_1_1)) return "exactly one Host header is needed";
    if (!is_host(host)) return "the Host header is not a host";
    // Which of the two counts would depend on the reader.
    if (authorizations > 1) return "more than one Authorization header";
    if (content_types > 1) return "more than one Content-Type header";
    if (codings > 0) {
        if (!is_1_1) return "Transfer-Encoding is not defined for HTTP/1.0";
        if (lengths > 0) return "both Transfer-Encoding and Content-Length";
        if (codings > 1 || !beast::iequals(coding, "chunked")) return "a transfer coding other than chunked";
        framing.chunked = true;
        return std::nullopt;
    }
    if (lengths > 1) return "more than one Content-Length";
    if (lengths == 1) {
        const auto [end, ec] = std::from_chars(length.data(), length.data() + length.size(), framing.content_length);
        if (length.empty() || ec != std::errc{} || end != length.data() + length.size())
            return "a Content-Length that is not a number";
    }
    return std::nullopt;
}

}  // namespace guildhall::http
