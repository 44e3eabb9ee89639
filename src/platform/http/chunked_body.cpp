#include "platform/http/chunked_body.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "platform/http/request_head.hpp"

namespace guildhall::http {
namespace {

constexpr std::size_t kMaxSizeLine = 256;  // with its extensions
constexpr std::string_view kLineEnd = "\r\n";

bool is_extension(std::string_view text) {
    const auto start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos || text[start] != ';') return false;
    return std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; });
}

}  // namespace

ChunkedBody::Step ChunkedBody::decode(std::span<char> bytes) {
    Step step;
    const std::string_view all(bytes.data(), bytes.size());
    while (!fault_ && part_ != Part::end) {
        const std::string_view rest = all.substr(step.used);
        if (part_ == Part::data) {
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_in_chunk_, rest.size()));
            std::memmove(bytes.data() + step.data, rest.data(), count);
            step.data += count;
            step.used += count;
            left_in_chunk_ -= count;
            if (left_in_chunk_ > 0) break;
            part_ = Part::end_of_data;
            continue;
        }
        const std::size_t line = take_line(rest);
        if (line == 0) break;
        step.used += line;
    }
    return step;
}

/// Reads the line that `bytes` begin with; its size, or 0 when it is not whole yet.
std::size_t ChunkedBody::take_line(std::string_view bytes) {
    const std::size_t limit = part_ == Part::size          ? kMaxSizeLine
                              : part_ == Part::end_of_data ? kLineEnd.size()
                                                           : trailer_bytes_left_;
    const auto end = bytes.substr(0, limit).find('\n');
    if (end == std::string_view::npos) {
        if (bytes.size() >= limit) fault_ = "a chunk line or trailer is too long, or data does not end with its chunk";
        return 0;
    }
    const auto line = line_of(bytes.substr(0, end));
    if (!line) {
        fault_ = "a bare CR or LF in a chunked body";
        return 0;
    }
    switch (part_) {
    case Part::size: read_size(*line); break;
    case Part::trailer: read_trailer(*line); break;
    default: part_ = Part::size; break;
    }
    return end + 1;
}

void ChunkedBody::read_size(std::string_view line) {
    const char* const last = line.data() + line.size();
    const auto [end, ec] = std::from_chars(line.data(), last, left_in_chunk_, 16);
    const std::string_view extension(end, static_cast<std::size_t>(last - end));
    if (ec != std::errc{} || (!extension.empty() && !is_extension(extension))) {
        fault_ = "a chunk size that is not a hexadecimal number";
        return;
    }
    part_ = left_in_chunk_ > 0 ? Part::data : Part::trailer;
}

void ChunkedBody::read_trailer(std::string_view line) {
    trailer_bytes_left_ -= line.size() + kLineEnd.size();
    if (line.empty()) {
        part_ = Part::end;
    } else {
        fault_ = fault_of_field_line(line);
    }
}

}  // namespace guildhall::http
