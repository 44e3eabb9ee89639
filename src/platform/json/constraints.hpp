#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/base/id.hpp"

// Constraints are types: what a struct can hold is what its fields may be, so a handler never checks a length and the schema always says it.
// Reading is in json/read.hpp, the schema in json/schema.hpp.

namespace guildhall::json {

/// Text of several lines, Min to Max code points after NFC and trimming; no control characters but line feed and tab.
template <std::size_t Min, std::size_t Max>
struct Text {
    std::string value;
};

/// Text of one line, else as Text.
template <std::size_t Min, std::size_t Max>
struct Line {
    std::string value;
};

/// A new password: 8 to 128 code points, NFC, any characters but controls, not trimmed. Source: NIST SP 800-63B §5.1.1.2.
/// It is never written to JSON, nor logged.
struct Password {
    std::string value;
};

/// An opaque string of at most Max bytes that is compared with something (a token, a password to check): not changed, not judged.
template <std::size_t Max>
struct Opaque {
    std::string value;
};

/// An e-mail address as people have them, at most 254 bytes, lower-cased. Source: the HTML standard's pattern.
struct Email {
    std::string value;
};

/// A public name in URLs: 3 to 30 of a-z, 0-9 and single inner hyphens; upper case is lowered.
struct Handle {
    static constexpr std::size_t kMin = 3;
    static constexpr std::size_t kMax = 30;
    std::string value;
};

/// A hashtag without its mark: 1 to 100 word characters, case-folded.
struct Tag {
    std::string value;
};

/// How many items a list gives: Min to Max, Default when absent.
template <int Min, int Max, int Default>
struct Limit {
    int value = Default;
};
using PageLimit = Limit<1, 100, 20>;

/// Where a list goes on; what a previous answer gave as next_cursor.
struct CursorText {
    std::string value;
};

/// Which part of a list.
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

/// Ids in a query string, "1,2,3": 1 to Max, doubles removed.
template <std::size_t Max, class IdType>
struct IdList {
    std::vector<IdType> items;
};

/// A field of a JSON Merge Patch (RFC 7396): absent (leave it), null (remove it) or a value.
template <class T>
struct Patch {
    /// What the patch says of the field.
    enum class State { absent, removed, set };
    State state = State::absent;
    T value{};

    bool is_absent() const { return state == State::absent; }
    /// Applies it to a stored text: the empty text stands for "none".
    void apply(std::string& stored) const {
        if (state == State::removed) stored.clear();
        if (state == State::set) stored = value.value;
    }
};

/// Like Patch, for a field that cannot be removed: null is refused.
template <class T>
struct Change {
    std::optional<T> value;
};

}  // namespace guildhall::json
