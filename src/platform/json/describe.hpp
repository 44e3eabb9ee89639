#pragma once

#include <concepts>
#include <type_traits>

#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>

#include "platform/json/constraints.hpp"

namespace guildhall::json {

/// A struct whose public members are described (BOOST_DESCRIBE_STRUCT).
template <class T>
concept Described = boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;

/// An enum whose names are described; the names are its JSON values.
template <class T>
concept Enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

template <class T>
using MembersOf = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

namespace detail {
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsOptional<Patch<T>> : std::true_type {};
template <class T>
struct IsOptional<Change<T>> : std::true_type {};
template <int Min, int Max, int Default>
struct IsOptional<Limit<Min, Max, Default>> : std::true_type {};
}  // namespace detail

/// A field that may be absent.
template <class T>
constexpr bool kIsOptional = detail::IsOptional<T>::value;

/// Calls `visit(name, member)` for each described member of `value`, in order.
template <class T, class Visit>
void for_each_member(T& value, Visit visit) {
    boost::mp11::mp_for_each<MembersOf<std::remove_const_t<T>>>(
        [&](auto member) { visit(std::string_view(member.name), value.*member.pointer); });
}

/// The name of an enumerator; empty for a value that has none.
template <Enum T>
std::string_view name_of(T value) {
    std::string_view name;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto e) {
        if (e.value == value) name = e.name;
    });
    return name;
}

/// The enumerator of a name.
template <Enum T>
std::optional<T> enumerator(std::string_view name) {
    std::optional<T> value;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto e) {
        if (name == e.name) value = e.value;
    });
    return value;
}

}  // namespace guildhall::json
