#include "platform/base/text.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <utf8proc.h>
#include <xxhash.h>

#include "platform/base/result.hpp"

namespace guildhall {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

std::uint8_t byte_at(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }

// The first position at or after `at` that holds no ASCII; the size when all is ASCII.
std::size_t skip_ascii(std::string_view text, std::size_t at) {
    while (at + 8 <= text.size()) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        if ((word & kHighBits) != 0) break;
        at += 8;
    }
    while (at < text.size() && byte_at(text, at) < 0x80) ++at;
    return at;
}

// Length of the well-formed sequence at `at` (Unicode 15, table 3-7); 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
    const auto continues = [&](std::size_t offset, std::uint8_t low = 0x80, std::uint8_t high = 0xBF) {
        if (at + offset >= text.size()) return false;
        const std::uint8_t byte = byte_at(text, at + offset);
        return byte >= low && byte <= high;
    };
    const std::uint8_t lead = byte_at(text, at);
    if (lead < 0x80) return 1;
    if (lead < 0xC2) return 0;
    if (lead < 0xE0) return continues(1) ? 2 : 0;
    if (lead < 0xF0) {
        const bool second = continues(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF);
        return second && continues(2) ? 3 : 0;
    }
    if (lead > 0xF4) return 0;
    const bool second = continues(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF);
    return second && continues(2) && continues(3) ? 4 : 0;
}

// Whether `text` may have combining marks: they begin at U+0300, whose first byte is 0xCC.
bool has_marks(std::string_view text) {
    std::uint8_t largest = 0;
    for (const char c : text) largest = std::max(largest, static_cast<std::uint8_t>(c));
    return largest >= 0xCC;
}

const utf8proc_property_t& property_of(char32_t c) { return *utf8proc_get_property(static_cast<utf8proc_int32_t>(c)); }

std::uint8_t combining_class(utf8proc_int32_t c) {
    return static_cast<std::uint8_t>(utf8proc_get_property(c)->combining_class);
}

/// The decomposition of a code point, by options of utf8proc.
class Decomposition {
public:
    Decomposition(char32_t c, int options)
        : size_(static_cast<std::size_t>(utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts_.data(),
                                                                 static_cast<utf8proc_ssize_t>(parts_.size()),
                                                                 static_cast<utf8proc_option_t>(options), nullptr))) {
        assert(size_ <= parts_.size());
    }
    auto begin() const { return parts_.begin(); }
    auto end() const { return parts_.begin() + static_cast<std::ptrdiff_t>(size_); }

private:
    std::array<utf8proc_int32_t, 32> parts_{};  // the longest, that of U+FDFA, has 18
    std::size_t size_;
};

// Brings combining marks into canonical order (Unicode, D109): by class, and within a class as they stand.
class MarkOrder {
public:
    void sort(std::span<utf8proc_int32_t> marks) {
        if (marks.size() < 2) return;
        // One number for each: class, place, code point of 21 bits.
        keys_.clear();
        for (const utf8proc_int32_t mark : marks)
            keys_.push_back(std::uint64_t{combining_class(mark)} << 56 | std::uint64_t{keys_.size()} << 21 |
                            static_cast<std::uint64_t>(mark));
        std::ranges::sort(keys_);
        std::ranges::transform(keys_, marks.begin(),
                               [](std::uint64_t key) { return static_cast<utf8proc_int32_t>(key & 0x1FFFFF); });
    }

private:
    std::vector<std::uint64_t> keys_;
};

// What utf8proc_map() does. Its canonical ordering takes quadratic time for a long run of marks.
std::string map(std::string_view text, int options) {
    std::vector<utf8proc_int32_t> points;
    points.reserve(text.size() + 1);
    std::size_t marks = 0;  // at the end of `points`
    MarkOrder order;
    const auto end_run = [&] {
        order.sort(std::span(points).last(marks));
        marks = 0;
    };
    for (std::size_t at = 0; at < text.size();) {
        for (const utf8proc_int32_t part : Decomposition(next_code_point(text, at), options)) {
            const bool is_mark = combining_class(part) != 0;
            if (!is_mark) end_run();
            points.push_back(part);
            marks += is_mark ? 1 : 0;
        }
    }
    end_run();
    const std::size_t count = points.size();
    points.push_back(0);  // utf8proc_reencode() writes a NUL behind the text, in place
    const auto size =
        utf8proc_reencode(points.data(), static_cast<utf8proc_ssize_t>(count), static_cast<utf8proc_option_t>(options));
    assert(size >= 0);
    return {reinterpret_cast<const char*>(points.data()), static_cast<std::size_t>(size)};
}

bool is_white_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Not Default_Ignorable_Code_Point, but without ink: blank symbols of Braille and music, a filler of Khitan.
bool is_blank_symbol(char32_t c) { return c == 0x2800 || c == 0x1D159 || c == 0x16FE4; }

bool is_zero_width_joiner(char32_t c) { return c == 0x200C || c == 0x200D; }

bool is_ignorable(char32_t c) { return property_of(c).ignorable; }

// Holds a word together when it stands between two word characters.
bool is_word_joiner(char32_t c) {
    switch (c) {
    case 0x00B7:                // middle dot
    case 0x0387:                // Greek ano teleia, which NFC makes a middle dot
    case 0x05F3:                // Hebrew geresh
    case 0x05F4:                // Hebrew gershayim
    case 0x0F0B:                // Tibetan tsheg
    case 0x2027:                // hyphenation point
    case 0x30FB:                // Katakana middle dot
    case 0xFF65: return true;   // the same in half width
    case 0x200B:                // zero width space: a boundary of words
    case 0x3164:                // Hangul filler: shows as a space
    case 0xFFA0: return false;  // the same in half width
    default: return is_ignorable(c);
    }
}

constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> kFromBase64Url = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < kBase64Url.size(); ++i) {
        values[static_cast<std::uint8_t>(kBase64Url[i])] = static_cast<std::int8_t>(i);
    }
    return values;
}();

}  // namespace

bool is_utf8(std::string_view text) {
    for (std::size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
        const std::size_t length = sequence_length(text, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

std::size_t code_points(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += (static_cast<std::uint8_t>(c) & 0xC0) != 0x80;
    return count;
}

std::string to_nfc(std::string text) {
    // Below U+0300 every code point is its own NFC form.
    if (!has_marks(text)) return text;
    return map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

bool is_stream_safe(std::string_view text) {
    constexpr std::size_t kMaxMarks = 30;
    if (!has_marks(text)) return true;
    std::size_t marks = 0;
    for (std::size_t at = 0; at < text.size();) {
        for (const utf8proc_int32_t part :
             Decomposition(next_code_point(text, at), UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT)) {
            marks = combining_class(part) == 0 ? 0 : marks + 1;
            if (marks > kMaxMarks) return false;
        }
    }
    return true;
}

namespace {

std::string lower_ascii(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    return lower;
}

}  // namespace

std::string fold_case(std::string_view text) {
    if (skip_ascii(text, 0) == text.size()) return lower_ascii(text);
    std::string spelt;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        const char32_t c = next_code_point(text, at);
        if (!is_ignorable(c) || is_zero_width_joiner(c)) spelt.append(text, begin, at - begin);
    }
    return map(spelt, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
}

std::string fold(std::string_view text) {
    if (skip_ascii(text, 0) == text.size()) return lower_ascii(text);
    return map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK |
                         UTF8PROC_IGNORE);
}

bool has_control_characters(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::uint8_t byte = byte_at(text, at);
        if (byte >= 0x20 && byte < 0x7F) continue;
        if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') return true;
        if (byte == 0x7F) return true;
        if (byte == 0xC2 && at + 1 < text.size() && byte_at(text, at + 1) < 0xA0) return true;  // U+0080 to U+009F
        if (byte != 0xE2 || at + 2 >= text.size()) continue;
        const std::uint8_t second = byte_at(text, at + 1);
        const std::uint8_t third = byte_at(text, at + 2);
        if (second == 0x80 && third >= 0xAA && third <= 0xAE) return true;  // U+202A to U+202E: embeddings, overrides
        if (second == 0x81 && third >= 0xA6 && third <= 0xA9) return true;  // U+2066 to U+2069: isolates
    }
    return false;
}

std::string_view trim(std::string_view text) {
    while (!text.empty()) {
        std::size_t next = 0;
        if (!is_white_space(next_code_point(text, next))) break;
        text.remove_prefix(next);
    }
    while (!text.empty()) {
        std::size_t last = text.size() - 1;
        while (last > 0 && (byte_at(text, last) & 0xC0) == 0x80) --last;
        std::size_t end = last;
        if (!is_white_space(next_code_point(text, end))) break;
        text.remove_suffix(text.size() - last);
    }
    return text;
}

std::string with_line_feeds(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') continue;
        out += text[at] == '\r' ? '\n' : text[at];
    }
    return out;
}

bool is_blank(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const char32_t c = next_code_point(text, at);
        if (!is_white_space(c) && !is_ignorable(c) && !is_blank_symbol(c)) return false;
    }
    return true;
}

bool is_word_character(char32_t code_point) {
    if (code_point < 0x80) {
        return (code_point >= 'a' && code_point <= 'z') || (code_point >= 'A' && code_point <= 'Z') ||
               (code_point >= '0' && code_point <= '9') || code_point == '_';
    }
    const utf8proc_property_t& property = property_of(code_point);
    if (property.ignorable) return false;
    switch (property.category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
    }
}

std::size_t word_end(std::string_view text, std::size_t position) {
    std::size_t end = position;
    for (std::size_t at = position; at < text.size();) {
        const char32_t c = next_code_point(text, at);
        if (is_word_character(c)) {
            end = at;
        } else if (end == position || !is_word_joiner(c)) {
            break;
        }
    }
    return end;
}

char32_t next_code_point(std::string_view text, std::size_t& position) {
    assert(position < text.size());
    const std::uint8_t lead = byte_at(text, position++);
    if (lead < 0x80) return lead;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    char32_t code_point = lead & (0x3F >> more);
    for (int i = 0; i < more && position < text.size(); ++i)
        code_point = code_point << 6 | (byte_at(text, position++) & 0x3F);
    return code_point;
}

std::string base64url(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : bytes) {
        bits = bits << 8 | static_cast<std::uint8_t>(c);
        for (count += 8; count >= 6;) {
            count -= 6;
            out += kBase64Url[bits >> count & 0x3F];
        }
    }
    if (count > 0) out += kBase64Url[bits << (6 - count) & 0x3F];
    return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const int value = kFromBase64Url[static_cast<std::uint8_t>(c)];
        if (value < 0) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>(bits >> count);
    }
    // Left-over bits must be zero, or two texts would mean the same bytes.
    if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
    return out;
}

std::string hex(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        out += kHexDigits[static_cast<std::uint8_t>(c) >> 4];
        out += kHexDigits[static_cast<std::uint8_t>(c) & 0xF];
    }
    return out;
}

void append_hex(std::string& out, std::uint64_t value) {
    std::array<char, 16> digits{};
    for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = kHexDigits[value >> (60 - 4 * i) & 0xF];
    out.append(digits.data(), digits.size());
}

std::string sha256(std::string_view bytes) {
    // Fetched once: the look-up by name costs more than hashing a token.
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    std::string out(32, '\0');
    if (algorithm == nullptr || EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()),
                                           nullptr, algorithm, nullptr) != 1) {
        throw std::runtime_error("SHA-256 is not available");
    }
    return out;
}

std::string random_bytes(std::size_t bytes) {
    std::string out(bytes, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(bytes)) != 1) {
        throw Unavailable("the random number generator failed");
    }
    return out;
}

bool equal_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::uint64_t stable_hash(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace guildhall
