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

/// NFC form of valid UTF-8; ASCII is returned as it is, without a call into utf8proc.
std::string to_nfc(std::string text);

/// Case-folded NFKC: "Zürich" and "ZÜRICH" give the same, "Zurich" another.
std::string fold_case(std::string_view text);

/// Case-folded NFKC with marks removed, for comparing and sorting names: "Žofie" and "zofie" give the same.
std::string fold(std::string_view text);

/// True when `text` has a code point that people do not type: U+0000 to U+001F except tab, line feed and carriage
/// return; U+007F to U+009F; bidirectional overrides (they let a text show in another order than it is stored).
bool has_control_characters(std::string_view text);

/// Without white space (Unicode White_Space) at either end.
std::string_view trim(std::string_view text);

/// True when the code point can be part of a hashtag or word: letters, marks, numbers, connector punctuation (General
/// Category L*, M*, N*, Pc).
bool is_word_character(char32_t code_point);

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
