#pragma once

#include <map>
#include <string>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "platform/base/clock.hpp"
#include "platform/base/cursor.hpp"
#include "platform/json/describe.hpp"
#include "platform/json/write.hpp"

namespace guildhall::json {

/// What the rules of read.hpp accept, as patterns (ECMA-262). The tests compare both.
inline constexpr const char* kTextPattern =
    R"(^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$)";
inline constexpr const char* kLinePattern = R"(^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$)";
inline constexpr const char* kIdPattern = "^([1-9][0-9]{0,17}|[1-8][0-9]{18})$";
inline constexpr const char* kCursorPattern = "^[A-Za-z0-9_-]{6,512}$";

/// The named schemas of a document: each described struct or enum is stored once and referred to as
/// "#/components/schemas/Name".
class Schemas {
public:
    /// The JSON Schema (2020-12) of T in requests and answers.
    template <class T>
    boost::json::object of();

    const boost::json::object& named() const { return named_; }

private:
    template <class T>
    boost::json::object reference();
    boost::json::object named_;
};

namespace detail {
/// "guildhall::post::CreatePost" → "CreatePost"; a template's arguments become part of the name.
std::string short_name(std::string_view mangled);

/// The name of T in the document. A page is named after what it lists: "PostPage".
template <class T>
struct NameOf;

template <class T>
constexpr bool kIsPage = false;
template <class T>
constexpr bool kIsPage<Page<T>> = true;

template <class T>
struct SchemaOf;
template <>
struct SchemaOf<std::string> {
    static boost::json::object get(Schemas&) { return {{"type", "string"}}; }
};
template <>
struct SchemaOf<bool> {
    static boost::json::object get(Schemas&) { return {{"type", "boolean"}}; }
};
template <std::integral T>
    requires(!std::same_as<T, bool>)
struct SchemaOf<T> {
    static boost::json::object get(Schemas&) {
        return {{"type", "integer"}, {"format", sizeof(T) > 4 ? "int64" : "int32"}};
    }
};
template <std::floating_point T>
struct SchemaOf<T> {
    static boost::json::object get(Schemas&) { return {{"type", "number"}}; }
};
template <>
struct SchemaOf<Time> {
    static boost::json::object get(Schemas&) { return {{"type", "string"}, {"format", "date-time"}}; }
};
template <>
struct SchemaOf<Raw> {
    static boost::json::object get(Schemas&) { return {}; }
};
template <class TagType>
struct SchemaOf<Id<TagType>> {
    static boost::json::object get(Schemas&) { return {{"type", "string"}, {"pattern", kIdPattern}}; }
};
template <std::size_t Min, std::size_t Max>
struct SchemaOf<Text<Min, Max>> {
    static boost::json::object get(Schemas&) {
        return {{"type", "string"}, {"minLength", Min}, {"maxLength", Max}, {"pattern", kTextPattern}};
    }
};
template <std::size_t Min, std::size_t Max>
struct SchemaOf<Line<Min, Max>> {
    static boost::json::object get(Schemas&) {
        return {{"type", "string"}, {"minLength", Min}, {"maxLength", Max}, {"pattern", kLinePattern}};
    }
};
template <>
struct SchemaOf<Password> {
    static boost::json::object get(Schemas&) {
        return {{"type", "string"},
                {"format", "password"},
                {"minLength", 8},
                {"maxLength", 128},
                {"pattern", kTextPattern}};
    }
};
template <std::size_t Max>
struct SchemaOf<Opaque<Max>> {
    static boost::json::object get(Schemas&) {
        return {{"type", "string"}, {"minLength", 1}, {"maxLength", Max}, {"pattern", kTextPattern}};
    }
};
template <>
struct SchemaOf<Email> {
    static boost::json::object get(Schemas&) { return {{"type", "string"}, {"format", "email"}, {"maxLength", 254}}; }
};
template <>
struct SchemaOf<Handle> {
    static boost::json::object get(Schemas&) {
        return {{"type", "string"},
                {"pattern", "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$"},
                {"minLength", Handle::kMin},
                {"maxLength", Handle::kMax}};
    }
};
template <>
struct SchemaOf<Tag> {
    static boost::json::object get(Schemas&) {
        return {{"type", "string"}, {"minLength", 1}, {"maxLength", Tag::kMax}};
    }
};
template <>
struct SchemaOf<CursorText> {
    static boost::json::object get(Schemas&) { return {{"type", "string"}, {"pattern", kCursorPattern}}; }
};
template <int Min, int Max, int Default>
struct SchemaOf<Limit<Min, Max, Default>> {
    static boost::json::object get(Schemas&) {
        return {{"type", "integer"}, {"minimum", Min}, {"maximum", Max}, {"default", Default}};
    }
};
template <std::size_t Max, class T>
struct SchemaOf<AtMost<Max, T>> {
    static boost::json::object get(Schemas& schemas) {
        return {{"type", "array"}, {"maxItems", Max}, {"items", schemas.of<T>()}};
    }
};
template <std::size_t Max, class IdType>
struct SchemaOf<IdList<Max, IdType>> {
    static boost::json::object get(Schemas& schemas) {
        return {{"type", "array"}, {"minItems", 1}, {"maxItems", Max}, {"items", schemas.of<IdType>()}};
    }
};
template <class T>
struct SchemaOf<std::vector<T>> {
    static boost::json::object get(Schemas& schemas) { return {{"type", "array"}, {"items", schemas.of<T>()}}; }
};
template <class T>
struct SchemaOf<std::map<std::string, T>> {
    static boost::json::object get(Schemas& schemas) {
        return {{"type", "object"}, {"additionalProperties", schemas.of<T>()}};
    }
};
template <class T>
boost::json::object nullable(Schemas& schemas) {
    return {{"anyOf", boost::json::array{schemas.of<T>(), boost::json::object{{"type", "null"}}}}};
}
template <class T>
struct SchemaOf<std::optional<T>> {
    static boost::json::object get(Schemas& schemas) { return nullable<T>(schemas); }
};
template <class T>
struct SchemaOf<Patch<T>> {
    static boost::json::object get(Schemas& schemas) { return nullable<T>(schemas); }
};
template <class T>
struct SchemaOf<Change<T>> {
    static boost::json::object get(Schemas& schemas) { return schemas.of<T>(); }
};
template <Enum T>
struct SchemaOf<T> {
    static boost::json::object get(Schemas&) {
        boost::json::array names;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto e) { names.emplace_back(e.name); });
        return {{"type", "string"}, {"enum", std::move(names)}};
    }
};
template <class T>
struct SchemaOf<Page<T>> {
    static boost::json::object get(Schemas& schemas) {
        return {
            {"type", "object"},
            {"properties",
             boost::json::object{{"items", boost::json::object{{"type", "array"}, {"items", schemas.of<T>()}}},
                                 {"next_cursor", boost::json::object{{"type", boost::json::array{"string", "null"}}}}}},
            {"required", boost::json::array{"items", "next_cursor"}}};
    }
};
template <WritesItself T>
struct SchemaOf<T> {
    static boost::json::object get(Schemas& schemas) { return schemas.of<typename T::Schema>(); }
};
template <Described T>
struct SchemaOf<T> {
    static boost::json::object get(Schemas& schemas) {
        boost::json::object properties;
        boost::json::array required;
        boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
            using Member = std::remove_cvref_t<decltype(std::declval<T>().*member.pointer)>;
            properties[member.name] = schemas.of<Member>();
            if constexpr (!kIsOptional<Member>) required.emplace_back(member.name);
        });
        boost::json::object out{{"type", "object"}, {"properties", std::move(properties)}};
        if (!required.empty()) out["required"] = std::move(required);
        out["additionalProperties"] = false;
        return out;
    }
};

template <class T>
struct NameOf {
    static std::string get() {
        // "static std::string guildhall::json::detail::NameOf<...>::get() [T = guildhall::post::CreatePost]" (Clang)
        std::string_view pretty = __PRETTY_FUNCTION__;
        const auto start = pretty.find("[T = ") + 5;
        return short_name(pretty.substr(start, pretty.size() - start - 1));
    }
};
template <WritesItself T>
struct NameOf<T> {
    static std::string get() { return NameOf<typename T::Schema>::get(); }
};
template <class T>
struct NameOf<Page<T>> {
    static std::string get() { return NameOf<T>::get() + "Page"; }
};
}  // namespace detail

template <class T>
boost::json::object Schemas::reference() {
    const std::string name = detail::NameOf<T>::get();
    if (!named_.contains(name)) {
        named_[name] = boost::json::object{};  // a struct may contain itself
        boost::json::object schema = detail::SchemaOf<T>::get(*this);
        named_[name] = std::move(schema);
    }
    return {{"$ref", "#/components/schemas/" + name}};
}

template <class T>
boost::json::object Schemas::of() {
    if constexpr (Described<T> || Enum<T> || detail::kIsPage<T>) {
        return reference<T>();
    } else {
        return detail::SchemaOf<T>::get(*this);
    }
}

}  // namespace guildhall::json
