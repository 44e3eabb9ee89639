#pragma once

#include <string>

#include "platform/base/result.hpp"
#include "platform/json/describe.hpp"

namespace guildhall::connection {

/// The enumerator that a column names. Throws Corrupt.
template <json::Enum E>
E enum_of(const std::string& name) {
    const auto value = json::enumerator<E>(name);
    if (!value) throw Corrupt("connection: unknown state " + name);
    return *value;
}

}  // namespace guildhall::connection
