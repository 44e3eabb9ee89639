#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace guildhall {

/// True when `text` is valid UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

/// Code points in valid UTF-8.
std::size_t code_points(std::string_view text);

/// NFC form of valid UTF-8; ASCII is returned as it is, without a call into utf8proc. Takes O(n log n) time for every
/// text, as fold_case() and fold() do.
std::string to_nfc(std::string text);

/// True when at most 30 combining marks follow each other in the compatibility decomposition, which is more than any
/// language needs. Source: Stream-Safe Text Format, UAX 15 §13.
bool is_stream_safe(std::string_view text);

/// Case-folded NFKC without invisible characters, except for the joiners U+200C and U+200D, which some languages spell
/// with: "Zürich" and "ZÜRICH" give the same, "Zurich" another.
std::string fold_case(std::string_view text);

/// Case-folded NFKC with marks removed, for comparing and sorting names: "Žofie" and "zofie" give the same.
std::string fold(std::string_view text);

/// True when `text` has a code point that people do not type: U+0000 to U+001F except tab, line feed and carriage
/// return; U+007F to U+009F; bidirectional overrides (they let a text show in another order than it is stored).
bool has_control_characters(std::string_view text);

/// Without white space (Unicode White_Space) at either end.
std::string_view trim(std::string_view text);

/// `text` with line feeds in place of CR LF and CR.
std::string with_line_feeds(std::string_view text);

/// True when nothing of `text` shows: it is empty, or all of it is white space, invisible or a blank symbol.
bool is_blank(std::string_view text);

/// True when the code point is part of a word: letters, marks, numbers, connector punctuation (General Category L*, M*,
/// N*, Pc) that can be seen (not Default_Ignorable_Code_Point).
bool is_word_character(char32_t code_point);

/// The end of the word that begins at `position` of valid UTF-8; `position` when none does. Characters that hold a word
/// together belong to it between two word characters: middle dots, Hebrew geresh and gershayim, the Tibetan tsheg, and
/// invisible ones such as U+200C and U+200D. Source: UAX 31, table 3.
std::size_t word_end(std::string_view text, std::size_t position);

/// Reads the code point at `position` of valid UTF-8 and advances `position` past it.
char32_t next_code_point(std::string_view text, std::size_t& position);

/// Base64url without padding (RFC 4648 §5).
std::string base64url(std::string_view bytes);

/// The bytes; empty when `text` is not canonical base64url.
std::optional<std::string> from_base64url(std::string_view text);

/// Lower-case hexadecimal.
std::string hex(std::string_view bytes);

/// Appends the 16 lower-case hexadecimal digits of `value`.
void append_hex(std::string& out, std::uint64_t value);

/// SHA-256 (FIPS 180-4), 32 raw bytes.
std::string sha256(std::string_view bytes);

/// `bytes` random bytes from the operating system's generator (OpenSSL RAND_bytes). Throws Unavailable when it fails.
std::string random_bytes(std::size_t bytes);

/// Compares in a time that depends on the lengths only.
bool equal_secret(std::string_view a, std::string_view b);

/// A fast, unkeyed 64-bit hash for sharding and entity tags; not for secrets, stable across processes and versions.
/// Source: XXH3, whose values are fixed since xxHash 0.8.0.
std::uint64_t stable_hash(std::string_view bytes);

}  // namespace guildhall
