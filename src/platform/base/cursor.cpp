#include "platform/base/cursor.hpp"

#include <optional>

#include "platform/base/text.hpp"

namespace guildhall {
namespace {

// Four bytes over kind and payload: not against forgery, but so that a cursor of another list or a damaged one is
// refused.
constexpr std::size_t kCheckBytes = 4;

std::string check_of(std::string_view kind, std::string_view payload) {
    std::string both(kind);
    both += '\0';
    both += payload;
    const std::uint64_t hash = stable_hash(both);
    std::string check(kCheckBytes, '\0');
    for (std::size_t i = 0; i < kCheckBytes; ++i) check[i] = static_cast<char>(hash >> (8 * i));
    return check;
}

// LEB128 over the zigzag form: ids take 9 bytes, small numbers one.
void append_number(std::string& out, std::int64_t number) {
    auto rest = static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
    for (; rest >= 0x80; rest >>= 7) out += static_cast<char>(rest | 0x80);
    out += static_cast<char>(rest);
}

std::optional<std::int64_t> take_number(std::string_view& in) {
    std::uint64_t zigzag = 0;
    for (int shift = 0; shift < 64 && !in.empty(); shift += 7) {
        const auto byte = static_cast<std::uint8_t>(in.front());
        in.remove_prefix(1);
        zigzag |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
        if (byte < 0x80) return static_cast<std::int64_t>(zigzag >> 1 ^ (0 - (zigzag & 1)));
    }
    return std::nullopt;
}

std::optional<Cursor> parse(std::string_view encoded, std::string_view kind, std::size_t count) {
    const auto bytes = from_base64url(encoded);
    if (!bytes || bytes->size() < kCheckBytes) return std::nullopt;
    std::string_view payload = std::string_view(*bytes).substr(kCheckBytes);
    if (check_of(kind, payload) != bytes->substr(0, kCheckBytes)) return std::nullopt;
    Cursor cursor;
    cursor.kind = kind;
    cursor.numbers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto number = take_number(payload);
        if (!number) return std::nullopt;
        cursor.numbers.push_back(*number);
    }
    // The text goes into a statement, and PostgreSQL refuses these.
    if (!is_utf8(payload) || payload.find('\0') != std::string_view::npos) return std::nullopt;
    cursor.text = payload;
    return cursor;
}

}  // namespace

std::string Cursor::encode() const {
    std::string payload;
    for (const std::int64_t number : numbers) append_number(payload, number);
    payload += text;
    return base64url(check_of(kind, payload) + payload);
}

Result<Cursor> Cursor::decode(std::string_view encoded, std::string_view kind, std::size_t count) {
    if (auto cursor = parse(encoded, kind, count)) return std::move(*cursor);
    return Error{Code::invalid,
                 "the cursor is not one of this list",
                 "",
                 {{"/cursor", "cursor", "is not a cursor of this list"}}};
}

}  // namespace guildhall
