#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/json/read.hpp"
#include "platform/sql/database.hpp"

// Columns that rows of posts and of comments have in common.

namespace guildhall::post {

/// A list that is stored as JSON. Throws Corrupt when it cannot be read.
template <class T>
std::vector<T> stored_list(const std::string& text) {
    if (text == "[]") return {};
    auto list = json::from_json<std::vector<T>>(text);
    if (!list) throw Corrupt("a stored list cannot be read");
    return std::move(*list);
}

/// Nothing for NULL.
inline std::optional<Time> optional_time(const sql::Row& row, std::size_t column) {
    if (row.is_null(column)) return std::nullopt;
    return row.time(column);
}

}  // namespace guildhall::post
