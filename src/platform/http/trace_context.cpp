#include "platform/http/trace_context.hpp"

#include <algorithm>
#include <cstdint>
#include <random>

#include "platform/base/text.hpp"

namespace guildhall::http {
namespace {

constexpr std::size_t kBytes = 55;  // 00-<trace id: 32 digits>-<span id: 16 digits>-<flags: 2 digits>

bool is_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view digits) { return digits.find_first_not_of('0') == std::string_view::npos; }

bool is_traceparent(std::string_view text) {
    if (text.size() != kBytes || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return false;
    const std::string_view trace = text.substr(3, 32);
    const std::string_view span = text.substr(36, 16);
    return is_hex(trace) && is_hex(span) && is_hex(text.substr(53)) && !is_zero(trace) && !is_zero(span);
}

std::uint64_t random_bits() {
    thread_local std::mt19937_64 generator{std::random_device{}()};
    return generator();
}

}  // namespace

std::string next_traceparent(std::string_view incoming) {
    const bool is_valid = is_traceparent(incoming);
    std::string out;
    out.reserve(kBytes);
    out = "00-";
    if (is_valid) {
        out += incoming.substr(3, 32);
    } else {
        append_hex(out, random_bits());
        append_hex(out, random_bits() | 1);  // neither id may be zero
    }
    out += '-';
    append_hex(out, random_bits() | 1);
    out += '-';
    out += is_valid ? incoming.substr(53) : "01";
    return out;
}

}  // namespace guildhall::http
