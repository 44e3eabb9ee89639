#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/result.hpp"

namespace guildhall {

/// Where a list continues: the sort key of its last item, opaque to clients. `kind` names the list and its order, so
/// that one list refuses the cursor of another.
struct Cursor {
    std::string kind;
    std::vector<std::int64_t> numbers;
    std::string text;

    /// The opaque form.
    std::string encode() const;

    /// Errors: invalid (a fault at /cursor) when `encoded` was not made by encode() for this `kind` with `count`
    /// numbers.
    static Result<Cursor> decode(std::string_view encoded, std::string_view kind, std::size_t count);
};

/// One page of a list and where the next begins; no `next_cursor` when this is the last.
template <class T>
struct Page {
    std::vector<T> items;
    std::optional<std::string> next_cursor;
};

}  // namespace guildhall
