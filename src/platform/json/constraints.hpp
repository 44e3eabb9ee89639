#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/base/id.hpp"

// Constraints are types: a field that was read holds an allowed value, so handlers check no lengths, and the schema
// states every constraint. Reading is in json/read.hpp, the schema in json/schema.hpp.

namespace guildhall::json {

/// Text of any number of lines, Min to Max code points after NFC and trimming; no control characters but line feed and
/// tab. CR LF and CR are read as line feeds. A text of which nothing shows counts as empty. More than 30 combining
/// marks in a row are refused.
template <std::size_t Min, std::size_t Max>
struct Text {
    std::string value;
};

/// Text of one line, without U+2028 and U+2029 too; otherwise like Text.
template <std::size_t Min, std::size_t Max>
struct Line {
    std::string value;
};

/// A new password: 8 to 128 code points in NFC, no control characters, not trimmed. It is never written to JSON or a
/// log.
/// Source: NIST SP 800-63B §5.1.1.2.
struct Password {
    std::string value;
};

/// A string of at most Max code points that is only compared (a token, a password to check): it is not normalised.
template <std::size_t Max>
struct Opaque {
    std::string value;
};

/// An e-mail address of at most 254 bytes, trimmed and lower-cased. Source: the pattern of <input type=email> in the
/// HTML standard.
struct Email {
    std::string value;
};

/// A public name in URLs: 3 to 30 of a-z, 0-9 and single inner hyphens; lower-cased.
struct Handle {
    static constexpr std::size_t kMin = 3;
    static constexpr std::size_t kMax = 30;
    std::string value;
};

/// A hashtag without its mark: one word (see word_end()) of 1 to 100 code points, case-folded.
struct Tag {
    static constexpr std::size_t kMax = 100;
    std::string value;
};

/// How many items a page has at most: Min to Max; Default when absent.
template <int Min, int Max, int Default>
struct Limit {
    int value = Default;
};
using PageLimit = Limit<1, 100, 20>;

/// Where a page begins: the next_cursor of the previous page.
struct CursorText {
    std::string value;
};

/// Which page of a list.
struct PageQuery {
    PageLimit limit;
    std::optional<CursorText> cursor;
};
BOOST_DESCRIBE_STRUCT(PageQuery, (), (limit, cursor))

/// A list of at most Max items.
template <std::size_t Max, class T>
struct AtMost {
    std::vector<T> items;
};

/// Ids in a query string, "1,2,3": 1 to Max, of which each is kept once.
template <std::size_t Max, class IdType>
struct IdList {
    std::vector<IdType> items;
};

/// A field of a JSON Merge Patch (RFC 7396): absent (no change), null (remove it) or a new value.
template <class T>
struct Patch {
    /// What happens to the field.
    enum class State { absent, removed, set };
    State state = State::absent;
    T value{};

    bool is_absent() const { return state == State::absent; }
    /// Applies the change to a stored text, where the empty text stands for "none".
    void apply(std::string& stored) const {
        if (state == State::removed) stored.clear();
        if (state == State::set) stored = value.value;
    }
};

/// Like Patch, for a field that cannot be removed: null is a fault.
template <class T>
struct Change {
    std::optional<T> value;
};

}  // namespace guildhall::json
