#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/clock.hpp"
#include "platform/base/cursor.hpp"
#include "platform/json/describe.hpp"

namespace guildhall::json {

/// JSON that is already written; write() copies it unchanged.
struct Raw {
    std::string value;
};

/// Appends a quoted, escaped JSON string. `text` is valid UTF-8.
void write_string(std::string& out, std::string_view text);

// write(out, value) appends the JSON of: text, numbers, bool, ids (decimal strings), times (RFC 3339), enums (names),
// described structs, optionals (null when empty), vectors, maps by text, pages ({"items", "next_cursor"}), constraint
// types, Raw.

/// Appends the JSON of a value.
inline void write(std::string& out, std::string_view text) { write_string(out, text); }
inline void write(std::string& out, const std::string& text) { write_string(out, text); }
inline void write(std::string& out, const char* text) { write_string(out, text); }
inline void write(std::string& out, const Raw& raw) { out += raw.value; }
inline void write(std::string& out, Time time) {
    out += '"';
    append_rfc3339(out, time);
    out += '"';
}
template <std::same_as<bool> T>
void write(std::string& out, T value) {
    out += value ? "true" : "false";
}
template <std::integral T>
    requires(!std::same_as<T, bool>)
void write(std::string& out, T number) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}
template <std::floating_point T>
void write(std::string& out, T number) {
    char digits[40];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}
template <class TagType>
void write(std::string& out, Id<TagType> id) {
    out += '"';
    write(out, id.value);
    out += '"';
}
template <Enum T>
void write(std::string& out, T value) {
    out += '"';
    out += name_of(value);
    out += '"';
}
template <class T>
    requires requires(const T& t) {
        { t.value } -> std::convertible_to<std::string>;
    } && (!Described<T>) && (!std::same_as<T, Raw>) && (!std::same_as<T, Password>)
void write(std::string& out, const T& text) {
    write_string(out, text.value);
}
/// A type that writes its own JSON, for answers whose JSON is mostly written ahead of the request. `Schema` is the
/// described struct that it looks like.
template <class T>
concept WritesItself = requires(const T& value, std::string& out) {
    typename T::Schema;
    value.write_json(out);
} && !Described<T>;

template <WritesItself T>
void write(std::string& out, const T& value) {
    value.write_json(out);
}
template <Described T>
void write(std::string& out, const T& value);
template <class T>
void write(std::string& out, const std::optional<T>& value);
template <class T>
void write(std::string& out, const std::vector<T>& items);
template <std::size_t Max, class T>
void write(std::string& out, const AtMost<Max, T>& list);
template <class T>
void write(std::string& out, const std::map<std::string, T>& entries);
template <class T>
void write(std::string& out, const Page<T>& page);

template <Described T>
void write(std::string& out, const T& value) {
    char before = '{';
    for_each_member(value, [&](std::string_view name, const auto& member) {
        out += before;
        before = ',';
        out += '"';
        out += name;
        out += "\":";
        write(out, member);
    });
    if (before == '{') out += '{';
    out += '}';
}
template <class T>
void write(std::string& out, const std::optional<T>& value) {
    if (value) {
        write(out, *value);
    } else {
        out += "null";
    }
}
template <class T>
void write(std::string& out, const std::vector<T>& items) {
    out += '[';
    bool first = true;
    for (const auto& item : items) {
        if (!first) out += ',';
        first = false;
        write(out, item);
    }
    out += ']';
}
template <std::size_t Max, class T>
void write(std::string& out, const AtMost<Max, T>& list) {
    write(out, list.items);
}
template <class T>
void write(std::string& out, const std::map<std::string, T>& entries) {
    out += '{';
    bool first = true;
    for (const auto& [name, entry] : entries) {
        if (!first) out += ',';
        first = false;
        write_string(out, name);
        out += ':';
        write(out, entry);
    }
    out += '}';
}
template <class T>
void write(std::string& out, const Page<T>& page) {
    out += "{\"items\":";
    write(out, page.items);
    out += ",\"next_cursor\":";
    write(out, page.next_cursor);
    out += '}';
}

/// The JSON of `value`.
template <class T>
std::string to_json(const T& value) {
    std::string out;
    write(out, value);
    return out;
}

}  // namespace guildhall::json
