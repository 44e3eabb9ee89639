#include "platform/mail/eml.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "platform/base/base64.hpp"

namespace guildhall::mail {
namespace {

constexpr std::size_t kMaxLine = 998;  // RFC 5322 §2.1.1
constexpr std::size_t kMaxEncodedWordBytes =
    42;  // 56 characters of base64 in an encoded word of at most 75 (RFC 2047 §2)

// The value of a header: it contains no line ends, and text that is not ASCII becomes encoded words.
std::string header_text(std::string_view text) {
    const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
    if (is_plain && text.size() < 900 && !text.contains("=?")) return std::string(text);
    std::string out;
    while (!text.empty()) {
        std::size_t end = std::min(text.size(), kMaxEncodedWordBytes);
        while (end < text.size() && end > 1 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
        if (!out.empty()) out += "\r\n ";
        out += "=?utf-8?B?" + base64(text.substr(0, end)) + "?=";
        text.remove_prefix(end);
    }
    return out;
}

std::string address_text(std::string address) {
    std::erase_if(address, [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == 0x7F; });
    return address;
}

// Converts line ends to CRLF. True when it must be encoded: not every server takes bytes above 127, nor long lines.
std::pair<std::string, bool> body_text(std::string_view text) {
    std::string out;
    bool is_encoded = std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x7F; });
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        is_encoded |= line.size() > kMaxLine;
        out += line;
        out += "\r\n";
    }
    return {std::move(out), is_encoded};
}

// "Sun, 22 Nov 2026 16:21:00 +0000" (RFC 5322 §3.3).
std::string date_text(Time now) {
    constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(day);
    const std::string rfc3339 = to_rfc3339(now);
    return fmt::format("{}, {} {} {} {} +0000", kDays[std::chrono::weekday(day).c_encoding()], rfc3339.substr(8, 2),
                       kMonths[static_cast<unsigned>(date.month()) - 1], rfc3339.substr(0, 4), rfc3339.substr(11, 8));
}

}  // namespace

std::string address_of(std::string_view sender) {
    const auto open = sender.rfind('<');
    if (open == std::string_view::npos || !sender.ends_with('>')) return address_text(std::string(sender));
    return address_text(std::string(sender.substr(open + 1, sender.size() - open - 2)));
}

std::string to_eml(const Message& message, std::string_view from, Time now, std::string_view id) {
    const std::string address = address_of(from);
    const std::string_view name = from.substr(0, from.rfind('<') == std::string_view::npos ? 0 : from.rfind('<'));
    auto [body, is_encoded] = body_text(message.text);
    if (is_encoded) {
        const std::string encoded = base64(body);
        body.clear();
        for (std::size_t at = 0; at < encoded.size(); at += 76) body += encoded.substr(at, 76) + "\r\n";
    }
    return fmt::format(
        "Date: {}\r\n"
        "From: {}<{}>\r\n"
        "To: {}\r\n"
        "Subject: {}\r\n"
        "Message-ID: <{}@{}>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: {}\r\n"
        "\r\n"
        "{}",
        date_text(now), header_text(name), address, address_text(message.to), header_text(message.subject), id,
        address.substr(address.find('@') + 1), is_encoded ? "base64" : "7bit", body);
}

}  // namespace guildhall::mail
