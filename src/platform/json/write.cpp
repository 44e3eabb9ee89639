#include "platform/json/write.hpp"

#include <cstdint>
#include <cstring>

namespace guildhall::json {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

/// True when one of eight bytes needs an escape.
/// Source: "Determine if a word has a byte less than n", "has a byte equal to n" in S. E. Anderson, Bit Twiddling
/// Hacks.
bool needs_escape(std::uint64_t word) {
    const auto has_zero = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes & kHighBits; };
    const std::uint64_t has_control = (word - kOnes * 0x20) & ~word & kHighBits;
    return (has_control | has_zero(word ^ kOnes * '"') | has_zero(word ^ kOnes * '\\')) != 0;
}

/// The first position at or after `at` whose byte needs an escape; the size when there is none.
std::size_t find_escape(std::string_view text, std::size_t at) {
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, sizeof word);
        if (needs_escape(word)) break;
    }
    while (at < text.size() && !needs_escape(text[at])) ++at;
    return at;
}

void append_escaped(std::string& out, char c) {
    switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += "\\u00";
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
}

}  // namespace

void write_string(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t escape = find_escape(text, at);
        out.append(text, at, escape - at);
        if (escape < text.size()) append_escaped(out, text[escape]);
        at = escape + 1;
    }
    out += '"';
}

}  // namespace guildhall::json
