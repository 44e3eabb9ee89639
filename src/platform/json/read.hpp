#pragma once

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

#include "platform/base/clock.hpp"
#include "platform/base/result.hpp"
#include "platform/json/describe.hpp"
#include "platform/json/pointer.hpp"

namespace guildhall::json {

/// Parses a JSON text (RFC 8259) strictly: UTF-8, at most 32 levels deep, no member twice in an object, nothing behind
/// the value. The value lives in `memory`. Errors: invalid, with a fault at the place where one is known.
Result<boost::json::value> parse(std::string_view text, boost::json::storage_ptr memory);

// The rules of single fields, shared by bodies, paths and query strings. Each stores the canonical form or adds a
// fault.
namespace rules {
/// Each checks one kind of text and stores its canonical form, or adds a fault.
void text(std::string_view in, std::string& out, std::size_t min, std::size_t max, bool one_line, const Place& at,
          Faults& faults);
void password(std::string_view in, std::string& out, const Place& at, Faults& faults);
void opaque(std::string_view in, std::string& out, std::size_t max, const Place& at, Faults& faults);
void email(std::string_view in, std::string& out, const Place& at, Faults& faults);
void handle(std::string_view in, std::string& out, const Place& at, Faults& faults);
void tag(std::string_view in, std::string& out, const Place& at, Faults& faults);
void id(std::string_view in, std::int64_t& out, const Place& at, Faults& faults);
void integer(std::string_view in, std::int64_t& out, std::int64_t min, std::int64_t max, const Place& at,
             Faults& faults);
}  // namespace rules

// read_text(in, out, at, faults): a value from text, as in a query string or a path.
/// Stores a value that is written as text, as in a query string or a path, or adds a fault.
template <std::size_t Min, std::size_t Max>
void read_text(std::string_view in, Text<Min, Max>& out, const Place& at, Faults& faults) {
    rules::text(in, out.value, Min, Max, false, at, faults);
}
template <std::size_t Min, std::size_t Max>
void read_text(std::string_view in, Line<Min, Max>& out, const Place& at, Faults& faults) {
    rules::text(in, out.value, Min, Max, true, at, faults);
}
inline void read_text(std::string_view in, Password& out, const Place& at, Faults& faults) {
    rules::password(in, out.value, at, faults);
}
template <std::size_t Max>
void read_text(std::string_view in, Opaque<Max>& out, const Place& at, Faults& faults) {
    rules::opaque(in, out.value, Max, at, faults);
}
inline void read_text(std::string_view in, Email& out, const Place& at, Faults& faults) {
    rules::email(in, out.value, at, faults);
}
inline void read_text(std::string_view in, Handle& out, const Place& at, Faults& faults) {
    rules::handle(in, out.value, at, faults);
}
inline void read_text(std::string_view in, Tag& out, const Place& at, Faults& faults) {
    rules::tag(in, out.value, at, faults);
}
inline void read_text(std::string_view in, CursorText& out, const Place& at, Faults& faults) {
    rules::opaque(in, out.value, 512, at, faults);
}
template <class TagType>
void read_text(std::string_view in, Id<TagType>& out, const Place& at, Faults& faults) {
    rules::id(in, out.value, at, faults);
}
template <Enum T>
void read_text(std::string_view in, T& out, const Place& at, Faults& faults) {
    if (auto value = enumerator<T>(in)) {
        out = *value;
        return;
    }
    std::string names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
        [&](auto e) { names += names.empty() ? e.name : std::string(", ") + e.name; });
    faults.add(at, "unknown_value", "must be one of " + names);
}
template <int Min, int Max, int Default>
void read_text(std::string_view in, Limit<Min, Max, Default>& out, const Place& at, Faults& faults) {
    std::int64_t value = 0;
    rules::integer(in, value, Min, Max, at, faults);
    out.value = static_cast<int>(value);
}
inline void read_text(std::string_view in, bool& out, const Place& at, Faults& faults) {
    out = in == "true";
    if (!out && in != "false") faults.add(at, "type", "must be true or false");
}
template <std::integral T>
    requires(!std::same_as<T, bool>)
void read_text(std::string_view in, T& out, const Place& at, Faults& faults) {
    std::int64_t value = 0;
    rules::integer(in, value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), at, faults);
    out = static_cast<T>(value);
}
template <std::size_t Max, class IdType>
void read_text(std::string_view in, IdList<Max, IdType>& out, const Place& at, Faults& faults) {
    std::size_t start = 0;
    for (std::size_t count = 1; start <= in.size(); ++count) {
        if (count > Max) return faults.add(at, "too_many", "at most " + std::to_string(Max) + " ids");
        const std::size_t end = std::min(in.find(',', start), in.size());
        IdType id;
        rules::id(in.substr(start, end - start), id.value, at, faults);
        if (std::ranges::find(out.items, id) == out.items.end()) out.items.push_back(id);
        start = end + 1;
    }
}
template <class T>
void read_text(std::string_view in, std::optional<T>& out, const Place& at, Faults& faults) {
    read_text(in, out.emplace(), at, faults);
}

/// A type that is written as a JSON string.
template <class T>
concept Textual = requires(std::string_view in, T& out, const Place& at, Faults& faults) {
    read_text(in, out, at, faults);
} && !std::is_arithmetic_v<T> && !kIsOptional<T>;

// read(value, out, at, faults): a value from JSON.
/// Stores a value of a JSON document, or adds its faults, each with its place.
template <Textual T>
void read(const boost::json::value& in, T& out, const Place& at, Faults& faults) {
    const auto* text = in.if_string();
    if (!text) return faults.add(at, "type", "must be a string");
    read_text(std::string_view(text->data(), text->size()), out, at, faults);
}
void read(const boost::json::value& in, bool& out, const Place& at, Faults& faults);
void read(const boost::json::value& in, std::string& out, const Place& at, Faults& faults);
void read(const boost::json::value& in, Time& out, const Place& at, Faults& faults);
template <std::integral T>
    requires(!std::same_as<T, bool>)
void read(const boost::json::value& in, T& out, const Place& at, Faults& faults) {
    if (!in.is_int64() || in.get_int64() < std::numeric_limits<T>::min() ||
        in.get_int64() > std::int64_t{std::numeric_limits<T>::max()})
        return faults.add(at, "type", "must be a whole number in range");
    out = static_cast<T>(in.get_int64());
}
template <std::floating_point T>
void read(const boost::json::value& in, T& out, const Place& at, Faults& faults) {
    if (!in.is_number()) return faults.add(at, "type", "must be a number");
    out = in.to_number<T>();
}
template <class T>
void read(const boost::json::value& in, std::optional<T>& out, const Place& at, Faults& faults);
template <class T>
void read(const boost::json::value& in, Patch<T>& out, const Place& at, Faults& faults);
template <class T>
void read(const boost::json::value& in, Change<T>& out, const Place& at, Faults& faults);
template <std::size_t Max, class T>
void read(const boost::json::value& in, AtMost<Max, T>& out, const Place& at, Faults& faults);
template <class T>
void read(const boost::json::value& in, std::vector<T>& out, const Place& at, Faults& faults);
template <class T>
void read(const boost::json::value& in, std::map<std::string, T>& out, const Place& at, Faults& faults);
template <Described T>
void read(const boost::json::value& in, T& out, const Place& at, Faults& faults);

template <class T>
void read(const boost::json::value& in, std::optional<T>& out, const Place& at, Faults& faults) {
    if (!in.is_null()) read(in, out.emplace(), at, faults);
}
template <class T>
void read(const boost::json::value& in, Patch<T>& out, const Place& at, Faults& faults) {
    out.state = in.is_null() ? Patch<T>::State::removed : Patch<T>::State::set;
    if (!in.is_null()) read(in, out.value, at, faults);
}
template <class T>
void read(const boost::json::value& in, Change<T>& out, const Place& at, Faults& faults) {
    read(in, out.value.emplace(), at, faults);
}
/// Stores each item of a list.
template <class T>
void read_items(const boost::json::array& in, std::vector<T>& out, const Place& at, Faults& faults) {
    out.reserve(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) read(in[i], out.emplace_back(), at.item(i), faults);
}
template <std::size_t Max, class T>
void read(const boost::json::value& in, AtMost<Max, T>& out, const Place& at, Faults& faults) {
    const auto* items = in.if_array();
    if (!items) return faults.add(at, "type", "must be a list");
    if (items->size() > Max) return faults.add(at, "too_many", "at most " + std::to_string(Max) + " items");
    read_items(*items, out.items, at, faults);
}
template <class T>
void read(const boost::json::value& in, std::vector<T>& out, const Place& at, Faults& faults) {
    const auto* items = in.if_array();
    if (!items) return faults.add(at, "type", "must be a list");
    read_items(*items, out, at, faults);
}
template <class T>
void read(const boost::json::value& in, std::map<std::string, T>& out, const Place& at, Faults& faults) {
    const auto* entries = in.if_object();
    if (!entries) return faults.add(at, "type", "must be an object");
    for (const auto& entry : *entries) {
        const std::string_view key(entry.key().data(), entry.key().size());
        read(entry.value(), out[std::string(key)], at.member(key), faults);
    }
}
template <Described T>
void read(const boost::json::value& in, T& out, const Place& at, Faults& faults) {
    const auto* object = in.if_object();
    if (!object) return faults.add(at, "type", "must be an object");
    std::size_t known = 0;
    for_each_member(out, [&](std::string_view name, auto& member) {
        if (const auto* found = object->if_contains(name)) {
            ++known;
            read(*found, member, at.member(name), faults);
        } else if constexpr (!kIsOptional<std::remove_cvref_t<decltype(member)>>) {
            faults.add(at.member(name), "required", "is missing");
        }
    });
    if (known == object->size()) return;
    for (const auto& entry : *object) {
        const std::string_view key(entry.key().data(), entry.key().size());
        bool is_member = false;
        boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) { is_member |= key == member.name; });
        if (!is_member) faults.add(at.member(key), "unknown", "is not a field");
    }
}

/// Reads a T from a request's JSON. Errors: invalid with every fault and its pointer.
template <class T>
Result<T> from_json(std::string_view text) {
    unsigned char scratch[4096];
    boost::json::monotonic_resource memory(scratch, sizeof scratch);
    auto document = parse(text, &memory);
    if (!document) return document.error();
    T out{};
    Faults faults;
    read(*document, out, Place{}, faults);
    if (!faults.empty()) return Error{Code::invalid, "the body has faulty fields", "", faults.take()};
    return out;
}

/// Reads a T that this program wrote (an event, a stored answer). Unknown members are ignored: a newer version may have
/// written them.
/// Throws Corrupt.
template <Described T>
T read_trusted(std::string_view text) {
    unsigned char scratch[4096];
    boost::json::monotonic_resource memory(scratch, sizeof scratch);
    auto document = parse(text, &memory);
    if (!document || !document->is_object()) throw Corrupt("stored JSON cannot be read");
    T out{};
    Faults faults;
    const Place root;
    for_each_member(out, [&](std::string_view name, auto& member) {
        if (const auto* found = document->get_object().if_contains(name)) {
            read(*found, member, root.member(name), faults);
        } else if constexpr (!kIsOptional<std::remove_cvref_t<decltype(member)>>) {
            faults.add(root.member(name), "required", "is missing");
        }
    });
    if (!faults.empty()) {
        const auto fault = faults.take().front();
        throw Corrupt("stored JSON: " + fault.pointer + " " + fault.detail);
    }
    return out;
}

}  // namespace guildhall::json
